//! The relaxed instructions of WebAssembly, in browsers that have them: multiply and add at once, and the dot
//! product of 8 bits.
//!
//! A module that names an instruction its browser lacks is refused as a whole, so the few loops that use them are a
//! module of their own (`relaxed.wat`, assembled beside it) which is started in this module's memory. What the dot
//! product does with operands beyond 7 bits is the machine's choice: it is asked, and used only where it is exact.

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

thread_local! {
    static FOUND: Option<Relaxed> = Relaxed::start();
}

/// The loops, and the offset at which the machine takes activations.
#[derive(Clone)]
pub struct Relaxed {
    sums: Function,
    products: Function,
    /// None if the machine does not sum products of 8 bits exactly.
    offset: Option<i32>,
}

impl Relaxed {
    /// The module, if this browser takes it; it is started once.
    pub fn detect() -> Option<Self> {
        FOUND.with(Clone::clone)
    }

    fn start() -> Option<Self> {
        let module = Module::new(&Uint8Array::from(MODULE)).ok()?;
        let (env, imports) = (Object::new(), Object::new());
        Reflect::set(&env, &"memory".into(), &wasm_bindgen::memory()).ok()?;
        Reflect::set(&imports, &"env".into(), &env).ok()?;
        let exports = Instance::new(&module, &imports).ok()?.exports();
        let function = |name: &str| -> Option<Function> {
            Reflect::get(&exports, &name.into()).ok()?.dyn_into().ok()
        };
        let mut relaxed = Self {
            sums: function("sums")?,
            products: function("products")?,
            offset: None,
        };
        // 200 is also -56: what four of them times 127 give says how the machine reads a byte.
        let (mut activations, mut weights) = (Buffer::default(), Buffer::default());
        activations.slice_mut::<u8>(ROWS * GROUP).fill(200);
        weights.slice_mut::<u8>(COLUMNS * GROUP).fill(127);
        let mut sums = Buffer::default();
        let sums = sums.slice_mut::<i32>(ROWS * COLUMNS);
        relaxed.run(activations.slice(), 1, weights.slice(), (1, 1), sums);
        let offset = match sums[0] {
            101_600 => Some(128),
            -28_448 => Some(0),
            _ => None,
        };
        relaxed.offset = offset.filter(|_| sums.iter().all(|&s| s == sums[0]));
        Some(relaxed)
    }

    /// What is added to an activation before it is stored, if sums of 8-bit products are exact.
    pub fn offset(&self) -> Option<i32> {
        self.offset
    }

    /// Products in f32 of as many of the rows as make whole blocks, with every panel of `weights`; returns how many.
    /// Layouts as in `relaxed.wat`; `inner` is a multiple of four, the output's rows are all columns.
    pub fn products(
        &self,
        input: &[f32],
        inner: usize,
        weights: &[f32],
        bias: &[f32],
        output: &mut [f32],
        add: bool,
    ) -> usize {
        let panels = weights.len() / (COLUMNS * inner);
        let columns = panels * COLUMNS;
        let blocks = input.len() / inner / ROWS;
        assert!(inner.is_multiple_of(4) && bias.len() >= columns);
        assert!(output.len() >= blocks * ROWS * columns);
        if blocks == 0 || panels == 0 {
            return 0;
        }
        call(
            &self.products,
            &[
                input.as_ptr() as usize,
                blocks,
                weights.as_ptr() as usize,
                inner,
                panels,
                bias.as_ptr() as usize,
                output.as_mut_ptr() as usize,
                columns * size_of::<f32>(),
                usize::from(add),
            ],
        );
        blocks * ROWS
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
        call(
            &self.sums,
            &[
                activations.as_ptr() as usize,
                blocks,
                weights.as_ptr() as usize,
                groups,
                panels,
                sums.as_mut_ptr() as usize,
                stride,
            ],
        );
    }
}

/// Calls one of the loops. They have no way to fail: sizes were checked, and they call nothing.
fn call(function: &Function, arguments: &[usize]) {
    let arguments = arguments.iter().map(|&n| JsValue::from(n as u32));
    if let Err(e) = function.apply(&JsValue::NULL, &arguments.collect::<Array>()) {
        wasm_bindgen::throw_val(e);
    }
}
