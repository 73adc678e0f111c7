// SPDX-License-Identifier: BSD-2-Clause
//! rust_hello - a program without a line of C in it: it starts, relocates and prints by itself, asks a server something, and
//! ends with a status. Proof that the ABI is no language's: all it takes from elsewhere are numbers out of the C headers
//! (tools/mkrust), Rust's core, and memcpy and the like from libc.
//!
//! Its exit status is the number of its arguments, as hello's.
#![no_std]

include!(env!("CAMBIUM_ABI"));

use core::fmt::{self, Write};

/// Read from the file by init: the ABI that this was built for.
#[used]
#[link_section = ".cambium.abi"]
static ABI: u32 = abi::ABI_VERSION as u32;

// In: x0 = struct start_info, sp = top of a stack; nobody relocated the image, and no frame is above.
core::arch::global_asm!(
    ".pushsection .text._start, \"ax\", %progbits",
    ".global _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x19, x0",
    "adrp x0, __ehdr_start",
    "add x0, x0, :lo12:__ehdr_start",
    "adrp x1, _DYNAMIC",
    "add x1, x1, :lo12:_DYNAMIC",
    "bl rust_relocate",
    "mov x0, x19",
    "mov x30, xzr",
    "b rust_start",
    ".popsection",
);

const DT_NULL: u64 = 0;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const R_AARCH64_RELATIVE: u64 = 1027;

/// Gives pointers in data their values; needs none itself.
#[no_mangle]
unsafe extern "C" fn rust_relocate(base: u64, mut dynamic: *const [u64; 2]) {
    let (mut rela, mut len) = (0, 0);
    while (*dynamic)[0] != DT_NULL {
        match (*dynamic)[0] {
            DT_RELA => rela = base + (*dynamic)[1],
            DT_RELASZ => len = (*dynamic)[1],
            _ => {}
        }
        dynamic = dynamic.add(1);
    }
    let end = rela + len;
    while rela < end {
        let [offset, info, addend] = *(rela as *const [u64; 3]);
        if info & 0xffff_ffff == R_AARCH64_RELATIVE {
            *((base + offset) as *mut u64) = base + addend;
        }
        rela += 24;
    }
}

/// What the starter wrote; valid as long as the process.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Start(*const u8);

impl Start {
    fn field(self, offset: usize) -> u32 {
        unsafe { *(self.0.add(offset) as *const u32) }
    }

    fn argument_count(self) -> u32 {
        self.field(abi::start_info::argc)
    }

    /// 0: it was given none of this name.
    fn handle(self, name: &str) -> u64 {
        let count = self.field(abi::start_info::handle_count) as usize;
        for i in 0..count.min(abi::START_HANDLES as usize) {
            let entry = abi::start_info::handles + i * abi::size::start_handle;
            let at = entry + abi::start_handle::name;
            let text = unsafe { core::slice::from_raw_parts(self.0.add(at), abi::START_HANDLE_NAME as usize) };
            if until_nul(text) == name.as_bytes() {
                return self.field(entry + abi::start_handle::handle).into();
            }
        }
        0
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or(&[])
}

/// Calls a server: the words of the message in, those of the answer out; what went wrong, the kernel's word or its.
fn call(port: u64, op: u64, words: &mut [u64; 8]) -> Result<(), i32> {
    let mut x = [0; 11];
    x[0] = port;
    x[1] = op;
    x[2..10].copy_from_slice(words);
    unsafe { abi::svc::call(&mut x) };
    words.copy_from_slice(&x[2..10]);
    match (x[0] as i32, x[1] as i32) {
        (0, 0) => Ok(()),
        (0, refused) => Err(refused),
        (error, _) => Err(error),
    }
}

/// The terminal, in messages of up to 48 bytes.
struct Console(u64);

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(48));
            let mut words = [0; 8];
            words[0] = part.len() as u64;
            for (i, &byte) in part.iter().enumerate() {
                words[1 + i / 8] |= u64::from(byte) << (i % 8 * 8);
            }
            call(self.0, abi::SERIAL_OP_WRITE_SHORT, &mut words).map_err(|_| fmt::Error)?;
            rest = later;
        }
        Ok(())
    }
}

/// Asks init for its servers, by rank.
fn list_servers(start: Start, out: &mut Console) -> fmt::Result {
    let mut number = 0;
    loop {
        let mut words = [0; 8];
        words[0] = number;
        match call(start.handle("init"), abi::INIT_OP_SERVER, &mut words) {
            Ok(()) => {}
            Err(error) if i64::from(error) == abi::E_NOTFOUND => return Ok(()),
            Err(error) => return writeln!(out, "init does not tell: error {error}"),
        }
        let mut name = [0; 32];
        for (i, byte) in name.iter_mut().enumerate() {
            *byte = (words[i / 8] >> (i % 8 * 8)) as u8;
        }
        let name = core::str::from_utf8(until_nul(&name)).unwrap_or("?");
        writeln!(out, "{:3}  {name}", number + 1)?;
        number += 1;
    }
}

fn exit(status: u64) -> ! {
    let mut x = [0; 11];
    x[0] = status;
    unsafe { abi::svc::process_exit(&mut x) };
    unreachable!()
}

#[no_mangle]
extern "C" fn rust_start(start: Start) -> ! {
    let mut out = Console(start.handle("service console"));
    let arguments = start.argument_count().saturating_sub(1);
    let said = writeln!(out, "Hello from Rust, by ABI {}. The servers, by rank:", abi::ABI_VERSION)
        .and_then(|_| list_servers(start, &mut out));
    exit(if said.is_ok() { arguments.into() } else { 255 })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(254)
}
