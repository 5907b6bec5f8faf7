//! Is this a complete shared object for this machine? Read from the bytes, before anything maps them.
//!
//! Mapping a half-copied file ends the process with SIGBUS inside the loader, and a library that names others would
//! be searched for in places that the file itself may choose (S15), so both are decided here.

use object::elf::{self, DataEncoding, FileClass, FileHeader64, FileType, Machine};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};
use object::{Endianness, ReadRef as _};

use crate::refused::LoadRefused;

/// Libraries an adapter may name: those of the C and Rust tool chains. They are loaded before the sandbox closes.
pub(crate) const ALLOWED_LIBRARIES: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

type Header = FileHeader64<Endianness>;

/// Checks the bytes and returns the names of the libraries they need.
pub(crate) fn check(bytes: &[u8], entry_symbol: &str) -> Result<Vec<String>, LoadRefused> {
    check_machine(bytes)?;
    let header = Header::parse(bytes).map_err(cut)?;
    let endian = header.endian().map_err(cut)?;
    check_extent(header, endian, bytes)?;
    check_symbol(header, endian, bytes, entry_symbol)?;
    let needed = needed_libraries(header, endian, bytes)?;
    match needed.iter().find(|name| !ALLOWED_LIBRARIES.contains(&name.as_str())) {
        Some(other) => Err(LoadRefused::NeedsLibrary(other.clone())),
        None => Ok(needed),
    }
}

/// Class, byte order, machine and type, from the first 20 bytes.
fn check_machine(bytes: &[u8]) -> Result<(), LoadRefused> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(LoadRefused::NotElf);
    }
    let wanted = describe(elf::ELFCLASS64, OWN_ORDER, OWN_MACHINE);
    let cut_short = || cut("the file ends inside its header");
    let Some(&[.., class, order]) = bytes.get(..6) else { return Err(cut_short()) };
    let (class, order) = (FileClass(class), DataEncoding(order));
    let kind = FileType(word(bytes, 16, order).ok_or_else(cut_short)?);
    let machine = Machine(word(bytes, 18, order).ok_or_else(cut_short)?);
    let found = describe(class, order, machine);
    if found != wanted {
        return Err(LoadRefused::OtherMachine { found, wanted });
    }
    if kind != elf::ET_DYN {
        return Err(LoadRefused::OtherMachine { found: "a program or an object file".into(), wanted });
    }
    Ok(())
}

/// Everything the headers promise lies inside the file.
fn check_extent(header: &Header, endian: Endianness, bytes: &[u8]) -> Result<(), LoadRefused> {
    let segments = header.program_headers(endian, bytes).map_err(cut)?;
    if !segments.iter().any(|s| s.p_type(endian) == elf::PT_DYNAMIC) {
        return Err(LoadRefused::Truncated("it has no dynamic section".into()));
    }
    for segment in segments {
        let (offset, size) = segment.file_range(endian);
        bytes.read_bytes_at(offset, size).map_err(|()| cut("a segment ends after the file"))?;
    }
    for section in header.section_headers(endian, bytes).map_err(cut)? {
        section.data(endian, bytes).map_err(|_| cut("a section ends after the file"))?;
    }
    Ok(())
}

/// The entry is exported. A file without a section table is left to the loader.
fn check_symbol(header: &Header, endian: Endianness, bytes: &[u8], name: &str) -> Result<(), LoadRefused> {
    let sections = header.sections(endian, bytes).map_err(cut)?;
    if sections.is_empty() {
        return Ok(());
    }
    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM).map_err(cut)?;
    let exported = symbols.iter().any(|symbol| {
        !symbol.is_undefined(endian)
            && symbols.symbol_name(endian, symbol).is_ok_and(|n| n == name.as_bytes())
    });
    if exported { Ok(()) } else { Err(LoadRefused::MissingSymbol(name.to_owned())) }
}

fn needed_libraries(header: &Header, endian: Endianness, bytes: &[u8]) -> Result<Vec<String>, LoadRefused> {
    let segments = header.program_headers(endian, bytes).map_err(cut)?;
    let mut names = Vec::new();
    let mut strings_at = None;
    let mut offsets = Vec::new();
    for segment in segments {
        for entry in segment.dynamic(endian, bytes).map_err(cut)?.unwrap_or_default() {
            match entry.d_tag(endian) {
                elf::DT_NEEDED => offsets.push(entry.d_val(endian)),
                elf::DT_STRTAB => strings_at = Some(entry.d_val(endian)),
                _ => {}
            }
        }
    }
    for offset in offsets {
        let address =
            strings_at.and_then(|at| at.checked_add(offset)).ok_or_else(|| cut("no string table"))?;
        let name = string_at(segments, endian, bytes, address).ok_or_else(|| cut("a library has no name"))?;
        names.push(name);
    }
    Ok(names)
}

/// The zero-terminated string that will stand at this address once the segments are mapped.
fn string_at(
    segments: &[elf::ProgramHeader64<Endianness>],
    endian: Endianness,
    bytes: &[u8],
    address: u64,
) -> Option<String> {
    let segment = segments.iter().filter(|s| s.p_type(endian) == elf::PT_LOAD).find(|s| {
        let start = s.p_vaddr(endian);
        address >= start && address - start < s.p_filesz(endian)
    })?;
    let offset = segment.p_offset(endian).checked_add(address - segment.p_vaddr(endian))?;
    let rest = bytes.get(usize::try_from(offset).ok()?..)?;
    let end = memchr::memchr(0, rest)?;
    String::from_utf8(rest.get(..end)?.to_vec()).ok()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn cut(why: impl ToString) -> LoadRefused {
    LoadRefused::Truncated(why.to_string())
}

fn word(bytes: &[u8], at: usize, order: DataEncoding) -> Option<u16> {
    let pair = bytes.get(at..)?.first_chunk::<2>()?;
    Some(if order == elf::ELFDATA2MSB { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) })
}

const OWN_ORDER: DataEncoding = if cfg!(target_endian = "big") { elf::ELFDATA2MSB } else { elf::ELFDATA2LSB };
const OWN_MACHINE: Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    elf::EM_RISCV
} else if cfg!(target_arch = "loongarch64") {
    elf::EM_LOONGARCH
} else {
    elf::EM_NONE
};

fn describe(class: FileClass, order: DataEncoding, machine: Machine) -> String {
    let bits = if class == elf::ELFCLASS64 { "64-bit" } else { "32-bit" };
    let order = if order == elf::ELFDATA2MSB { ", big endian" } else { "" };
    match machine {
        elf::EM_X86_64 => format!("x86-64, {bits}{order}"),
        elf::EM_386 => format!("x86, {bits}{order}"),
        elf::EM_AARCH64 => format!("aarch64, {bits}{order}"),
        elf::EM_ARM => format!("arm, {bits}{order}"),
        elf::EM_RISCV => format!("risc-v, {bits}{order}"),
        elf::EM_LOONGARCH => format!("loongarch, {bits}{order}"),
        Machine(other) => format!("machine {other}, {bits}{order}"),
    }
}
