import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// How fast the disk takes durable writes, without a database: the bound that no durable engine can pass with one task.
///
/// It writes blocks of 8 KiB over and over the same 4 MiB and waits for each to be on the medium, which is what a
/// write-ahead log does that is checkpointed and used again. Eight kibibytes are two frames, the least that a grant takes;
/// 4 KiB are one, less than anything durable takes.
struct DiskProbe: ~Copyable {
    private static let blocks = 512

    private let file: Int32
    private let block: [UInt8]
    private var next = 0

    /// Makes the probe's file at `path` and fills it, so that later writes change no metadata.
    init(path: String, blockBytes: Int = 8_192) throws {
        self.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        self.block = [UInt8](repeating: 0x5A, count: blockBytes)
        guard self.file >= 0 else { throw Self.failure("open", path) }
        for _ in 0..<Self.blocks { try self.writeBlock() }
        try self.sync()
    }

    deinit {
        if self.file >= 0 { close(self.file) }
    }

    /// Writes `count` blocks and waits after each until it is durable.
    mutating func writeDurably(_ count: Int) throws {
        for _ in 0..<count {
            try self.writeBlock()
            try self.sync()
        }
    }

    private mutating func writeBlock() throws {
        let offset = off_t(self.next * self.block.count)
        self.next = (self.next + 1) % Self.blocks
        let written = self.block.withUnsafeBytes { pwrite(self.file, $0.baseAddress, $0.count, offset) }
        guard written == self.block.count else { throw Self.failure("pwrite", "the probe") }
    }

    private func sync() throws {
        #if canImport(Darwin)
        // On Apple's systems fsync alone leaves the data in the drive's cache.
        let status = fcntl(self.file, F_FULLFSYNC)
        #else
        let status = fdatasync(self.file)
        #endif
        guard status == 0 else { throw Self.failure("fdatasync", "the probe") }
    }

    private static func failure(_ call: String, _ place: String) -> WorkloadError {
        WorkloadError("\(call) of \(place) failed: \(String(cString: strerror(errno)))")
    }
}
