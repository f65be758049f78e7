#if Etcd
#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What tells one run of an operating system from all others, as far as its monotonic clock goes.
enum HostIdentity {
    /// That of the running system, or `nil` where it cannot be told; then nobody else is taken to be on the same host.
    static let current: String? = Self.read()

    #if os(Linux)
    /// A random number that the kernel draws when it boots, with the namespace of its clocks: a container may have a monotonic
    /// clock of its own.
    private static func read() -> String? {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = buffer.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        guard count >= 36 else { return nil }
        let boot = String(decoding: buffer[..<36], as: UTF8.self)
        var link = [UInt8](repeating: 0, count: 64)
        let length = link.withUnsafeMutableBytes { bytes -> Int in
            guard let start = bytes.bindMemory(to: CChar.self).baseAddress else { return -1 }
            return readlink("/proc/self/ns/time", start, bytes.count)
        }
        // Kernels without such namespaces have one clock for all.
        return length > 0 ? "\(boot)/\(String(decoding: link[..<length], as: UTF8.self))" : boot
    }
    #else
    private static func read() -> String? { nil }
    #endif
}
#endif
