//! In place of `gpu.rs` in a build without GPU support.

use super::DeviceInfo;

/// Whether this build can use a GPU.
pub const BUILT: bool = false;

/// None: this build cannot look.
pub async fn adapters() -> Vec<DeviceInfo> {
    Vec::new()
}
