//! The GPU through wgpu: its adapters, and opening the best of them.

use burn_wgpu::WgpuSetup;
use wgpu::{
    Adapter, Backends, DeviceDescriptor, DeviceType, ExperimentalFeatures, Features, Instance,
    InstanceDescriptor, MemoryHints, PowerPreference, RequestAdapterOptions, Trace,
};

use burn::tensor::Device;

use super::DeviceInfo;
use crate::model::Error;

/// Whether this build can use a GPU.
pub const BUILT: bool = true;

/// An opened GPU with its limits on batch size.
pub struct Opened {
    /// Burn's handle.
    pub device: Device,
    /// For people and reports.
    pub info: DeviceInfo,
    /// Whether it computes in f16 too.
    pub f16: bool,
    /// Bytes of a buffer that a kernel can be given.
    pub most_bytes: u64,
}

fn instance() -> Instance {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::PRIMARY;
    Instance::new(descriptor)
}

fn describe(adapter: &Adapter) -> DeviceInfo {
    let info = adapter.get_info();
    let software = info.device_type == DeviceType::Cpu
        || ["swiftshader", "llvmpipe", "lavapipe", "softpipe"]
            .iter()
            .any(|name| info.name.to_lowercase().contains(name));
    let api = match info.backend {
        wgpu::Backend::BrowserWebGpu => "webgpu".into(),
        other => format!("{other:?}").to_lowercase(),
    };
    let name = if info.name.is_empty() {
        "unnamed adapter".into()
    } else {
        info.name
    };
    DeviceInfo {
        kind: "gpu",
        name,
        api,
        arithmetic: if has_f16(adapter) { "f16" } else { "f32" },
        software,
    }
}

fn has_f16(adapter: &Adapter) -> bool {
    adapter.features().contains(Features::SHADER_F16)
}

/// Every adapter that wgpu finds here. The browser shows one at most, through [`open`].
#[cfg(not(target_family = "wasm"))]
pub async fn adapters() -> Vec<DeviceInfo> {
    let found = instance().enumerate_adapters(Backends::PRIMARY).await;
    found.iter().map(describe).collect()
}

/// Opens the most powerful adapter with all features and limits it has, except experimental ones.
///
/// # Errors
/// [`Error::Device`] if there is no adapter, or it refuses a device.
pub async fn open() -> Result<Opened, Error> {
    let failed = |device: &str, why: String| Error::Device {
        device: device.into(),
        why,
    };
    let instance = instance();
    let adapter = instance
        .request_adapter(&RequestAdapterOptions {
            power_preference: PowerPreference::HighPerformance,
            ..Default::default()
        })
        .await
        .map_err(|e| failed("gpu", e.to_string()))?;
    let info = describe(&adapter);
    let f16 = has_f16(&adapter);
    let limits = adapter.limits();
    let most_bytes = limits
        .max_storage_buffer_binding_size
        .min(limits.max_buffer_size);
    let (device, queue) = adapter
        .request_device(&DeviceDescriptor {
            label: Some("gossamer"),
            required_features: adapter.features()
                - Features::MAPPABLE_PRIMARY_BUFFERS
                - Features::all_experimental_mask(),
            required_limits: limits,
            memory_hints: MemoryHints::MemoryUsage,
            trace: Trace::Off,
            experimental_features: ExperimentalFeatures::disabled(),
        })
        .await
        .map_err(|e| failed(&info.name, e.to_string()))?;
    let backend = adapter.get_info().backend;
    let device = Device::wgpu_options()
        .setup(WgpuSetup {
            instance,
            adapter,
            device,
            queue,
            backend,
        })
        .init()
        .map_err(|e| failed(&info.name, e.to_string()))?;
    Ok(Opened {
        device,
        info,
        f16,
        most_bytes,
    })
}
