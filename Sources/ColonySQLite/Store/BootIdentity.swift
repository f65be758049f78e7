#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What tells one run of the operating system from the next, and one host from another.
///
/// A monotonic clock starts again with every boot, so its readings mean something only together with this.
package struct BootIdentity: Hashable, Sendable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// That of the running system.
    package static let current = BootIdentity(Self.read())

    #if os(Linux)
    /// A random number that the kernel draws when it boots; the same in all containers of a host.
    private static func read() -> String {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        precondition(file >= 0, "/proc/sys/kernel/random/boot_id cannot be read; Colony needs the proc file system")
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = buffer.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        precondition(count >= 36, "/proc/sys/kernel/random/boot_id holds \(count) bytes instead of a boot id")
        return String(decoding: buffer[..<36], as: UTF8.self)
    }
    #else
    /// The second at which the system booted.
    private static func read() -> String {
        var name = [CTL_KERN, KERN_BOOTTIME]
        var time = timeval()
        var size = MemoryLayout<timeval>.size
        let status = sysctl(&name, 2, &time, &size, nil, 0)
        precondition(status == 0, "the boot time of the host cannot be read: error \(errno)")
        return "boot-\(time.tv_sec)"
    }
    #endif
}
