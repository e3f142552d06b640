//! Devices: which one runs the encoder, chosen by asking, and described so that people can be told.

#[cfg_attr(not(feature = "gpu"), path = "device/no_gpu.rs")]
pub mod gpu;

use serde::Serialize;

/// Which backend the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// A real GPU if there is one and it passes the self-test, otherwise the CPU.
    #[default]
    Auto,
    /// The same, but a GPU that is emulated on the CPU counts as one: to measure and to test.
    Any,
    /// The CPU, whatever else there is.
    Cpu,
    /// A GPU through wgpu, software adapters included; fail if there is none.
    Gpu,
}

/// What runs the encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// `cpu` or `gpu`.
    pub kind: &'static str,
    /// Adapter name, or how the CPU path computes.
    pub name: String,
    /// Graphics API: `vulkan`, `metal`, `webgpu`, ...; `none` for the CPU.
    pub api: String,
    /// What products are computed in: `f32`; `f16`, with sums in f32, by an adapter that can and with weights of 16 or
    /// 8 bits; `int8`, with sums in i32. Of an adapter that is only listed, the best it can.
    pub arithmetic: &'static str,
    /// True when the adapter is itself emulated on the CPU.
    pub software: bool,
}
