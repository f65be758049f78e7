#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Zeroed memory for the tables of caches; untouched parts of a large table cost nothing.
///
/// A look-up in a large table lands anywhere in it, so that with pages of 4 KiB the processor has forgotten where nearly
/// every one of them lies, and finding out costs more than the read itself. From ``hugePage`` upwards tables are therefore
/// mapped by themselves, on huge pages where Linux has some to give.
enum TableMemory {
    private static var hugePage: Int { 2 << 20 }

    static func allocate<Element: ~Copyable>(_ count: Int) -> UnsafeMutablePointer<Element> {
        let size = count * MemoryLayout<Element>.stride
        let memory =
            Self.isMapped(size) ? Self.map(size) : Self.allocate(size, alignment: MemoryLayout<Element>.alignment)
        return memory.assumingMemoryBound(to: Element.self)
    }

    /// Frees what ``allocate(_:)`` gave for the same count. Elements are not destroyed.
    static func free<Element: ~Copyable>(_ memory: UnsafeMutablePointer<Element>, count: Int) {
        let size = count * MemoryLayout<Element>.stride
        if Self.isMapped(size) {
            Self.unmap(memory, size)
        } else if MemoryLayout<Element>.alignment > Self.callocAlignment {
            UnsafeMutableRawPointer(memory).deallocate()
        } else {
            releaseMemory(memory)
        }
    }

    private static var callocAlignment: Int { 16 }

    private static func allocate(_ size: Int, alignment: Int) -> UnsafeMutableRawPointer {
        if alignment > Self.callocAlignment {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
            return memory
        }
        let memory = calloc(1, size)
        precondition(memory != nil, "no memory for a table of \(size) bytes")
        return memory.unsafelyUnwrapped
    }

    #if os(Linux)
    private static func isMapped(_ size: Int) -> Bool { size >= Self.hugePage }

    /// The length of a mapping, so that its last part is a whole page as well.
    private static func mappedLength(_ size: Int) -> Int { (size + Self.hugePage - 1) / Self.hugePage * Self.hugePage }

    private static func map(_ size: Int) -> UnsafeMutableRawPointer {
        let length = Self.mappedLength(size)
        // One page more, because a mapping begins anywhere and huge pages do not; what is too much is given back.
        let mapping = mmap(
            nil, length + Self.hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        precondition(mapping != MAP_FAILED && mapping != nil, "no memory for a table of \(size) bytes")
        let start = mapping.unsafelyUnwrapped
        let misplaced = Int(bitPattern: start) % Self.hugePage
        let before = misplaced == 0 ? 0 : Self.hugePage - misplaced
        if before > 0 { munmap(start, before) }
        munmap(start + before + length, Self.hugePage - before)
        // Advice: without huge pages the table works as well, a little slower.
        madvise(start + before, length, MADV_HUGEPAGE)
        return start + before
    }

    private static func unmap(_ memory: UnsafeMutableRawPointer, _ size: Int) {
        munmap(memory, Self.mappedLength(size))
    }
    #else
    private static func isMapped(_ size: Int) -> Bool { false }
    private static func map(_ size: Int) -> UnsafeMutableRawPointer { Self.allocate(size, alignment: 1) }
    private static func unmap(_ memory: UnsafeMutableRawPointer, _ size: Int) { releaseMemory(memory) }
    #endif
}

/// `free` by a name that members of ``TableMemory`` do not shadow.
private func releaseMemory(_ memory: UnsafeMutableRawPointer) { free(memory) }
