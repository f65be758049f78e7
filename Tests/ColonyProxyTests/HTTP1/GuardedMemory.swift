#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Memory behind which nothing may be read: whoever reads one byte too far ends the process.
///
/// The bytes of a test are laid against a page that the system forbids to touch.
final class GuardedMemory {
    private let base: UnsafeMutableRawPointer
    private let capacity: Int

    init(capacity: Int) throws {
        self.capacity = (capacity + 65_535) / 65_536 * 65_536
        let size = self.capacity + 65_536
        let flags = MAP_PRIVATE | Int32(MAP_ANON)
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), memory != MAP_FAILED else {
            throw GuardFailure()
        }
        self.base = memory
        guard mprotect(memory + self.capacity, 65_536, PROT_NONE) == 0 else { throw GuardFailure() }
    }

    deinit { munmap(self.base, self.capacity + 65_536) }

    /// Gives the bytes at the end of the memory.
    func holding<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        precondition(bytes.count <= self.capacity, "\(bytes.count) bytes are more than \(self.capacity)")
        let place = UnsafeMutableRawBufferPointer(start: self.base + self.capacity - bytes.count, count: bytes.count)
        place.copyBytes(from: bytes)
        return body(UnsafeRawBufferPointer(place))
    }
}

struct GuardFailure: Error {}
