//! The relaxed 8-bit dot product of WebAssembly, in browsers that have it.
//!
//! A module that names an instruction its browser lacks is refused as a whole, so the few loops that use it are a
//! module of their own (`relaxed.wat`, assembled beside it) which is started in this module's memory. What the
//! instruction does with operands beyond 7 bits is the machine's choice: it is asked, and used only where it is exact.

use js_sys::WebAssembly::{Instance, Module};
use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::memory::Buffer;

/// `relaxed.wat`, assembled.
const MODULE: &[u8] = include_bytes!("relaxed.wasm");
/// Rows that the loops take at a time.
pub const ROWS: usize = 4;
/// Columns of a panel.
pub const COLUMNS: usize = 8;
/// Products per sum and step.
pub const GROUP: usize = 4;

/// The loops, and the offset at which the machine takes activations.
#[derive(Clone)]
pub struct Relaxed {
    sums: Function,
    offset: i32,
}

impl Relaxed {
    /// Starts the module, if this browser takes it and this machine sums exactly.
    pub fn detect() -> Option<Self> {
        let module = Module::new(&Uint8Array::from(MODULE)).ok()?;
        let (env, imports) = (Object::new(), Object::new());
        Reflect::set(&env, &"memory".into(), &wasm_bindgen::memory()).ok()?;
        Reflect::set(&imports, &"env".into(), &env).ok()?;
        let instance = Instance::new(&module, &imports).ok()?;
        let sums = Reflect::get(&instance.exports(), &"sums".into()).ok()?;
        let mut relaxed = Self {
            sums: sums.dyn_into().ok()?,
            offset: 0,
        };
        // 200 is also -56: what four of them times 127 give says how the machine reads a byte.
        let (mut activations, mut weights) = (Buffer::default(), Buffer::default());
        activations.slice_mut::<u8>(ROWS * GROUP).fill(200);
        weights.slice_mut::<u8>(COLUMNS * GROUP).fill(127);
        let mut sums = Buffer::default();
        let sums = sums.slice_mut::<i32>(ROWS * COLUMNS);
        relaxed.run(activations.slice(), 1, weights.slice(), (1, 1), sums);
        relaxed.offset = match sums[0] {
            101_600 => 128,
            -28_448 => 0,
            _ => return None,
        };
        sums.iter().all(|&s| s == sums[0]).then_some(relaxed)
    }

    /// What is added to an activation before it is stored.
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// Sums for `blocks` of four rows and `(groups, panels)` of weights; layouts as in `relaxed.wat`.
    pub fn run(
        &self,
        activations: &[u32],
        blocks: usize,
        weights: &[u8],
        (groups, panels): (usize, usize),
        sums: &mut [i32],
    ) {
        assert!(activations.len() >= blocks * groups * ROWS);
        assert!(weights.len() >= panels * groups * COLUMNS * GROUP);
        assert!(sums.len() >= blocks * ROWS * panels * COLUMNS);
        if blocks == 0 || groups == 0 || panels == 0 {
            return;
        }
        let stride = panels * COLUMNS * size_of::<i32>();
        let address = |at: usize| JsValue::from(at as u32);
        let arguments: Array = [
            activations.as_ptr() as usize,
            blocks,
            weights.as_ptr() as usize,
            groups,
            panels,
            sums.as_mut_ptr() as usize,
            stride,
        ]
        .into_iter()
        .map(address)
        .collect();
        // It has no way to fail: sizes were checked, and it calls nothing.
        if let Err(e) = self.sums.apply(&JsValue::NULL, &arguments) {
            wasm_bindgen::throw_val(e);
        }
    }
}
