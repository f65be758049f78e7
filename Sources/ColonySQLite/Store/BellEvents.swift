#if os(Linux)
#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The kernel's reports that the doorbell was opened and closed, through inotify.
final class BellEvents {
    private let queue: Int32

    /// - Returns: `nil` if the bell is not there yet or the limit of watches of this user is reached.
    init?(path: String) {
        let queue = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard queue >= 0 else { return nil }
        let watch = inotify_add_watch(queue, path, UInt32(IN_CLOSE) | UInt32(IN_ATTRIB))
        guard watch >= 0 else {
            close(queue)
            return nil
        }
        self.queue = queue
    }

    deinit {
        close(self.queue)
    }

    /// Waits for a report.
    ///
    /// - Returns: Whether there was one within the time.
    func wait(milliseconds: Int32) -> Bool {
        var request = pollfd(fd: self.queue, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, milliseconds) > 0
    }

    /// Throws the reports away: they all say the same.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 8) { buffer in
            while read(self.queue, buffer.baseAddress, buffer.count) > 0 {}
        }
    }
}
#else
/// Where the kernel has no inotify there are no reports, and the watch looks at short intervals instead.
final class BellEvents {
    init?(path: String) { return nil }

    func wait(milliseconds: Int32) -> Bool { false }

    func drain() {}
}
#endif
