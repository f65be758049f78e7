#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// An empty file beside the store that a process opens and closes when it has committed something that others may wait
/// for.
///
/// Watching the write-ahead log itself would be free for the writer, but it lies: the log changes *before* the commit
/// can be seen, which happens in shared memory, where no watch reaches. A waiter that looked at that moment would find
/// nothing new and not be told again. The bell is rung after COMMIT has returned. Opening and closing it makes an event
/// without changing the file, so that ringing costs two system calls, touches no disk, and works when the disk is full.
struct Doorbell: Sendable {
    let path: String
    private let storePath: String

    init(storePath: String) {
        self.storePath = storePath
        self.path = storePath + "-bell"
    }

    /// Opens the file, and makes it if it is not there. The caller closes it.
    func create() throws(StoreError) -> Int32 {
        let file = open(self.path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            let reason = String(cString: strerror(errno))
            throw StoreError(
                .failed,
                "the file \"\(self.path)\" beside the store \"\(self.storePath)\" could not be made (\(reason)); "
                    + "check the permissions of its directory and the free space of its disk")
        }
        return file
    }

    /// Tells the other processes to look. A bell that cannot be rung is made up for by their slow poll.
    func ring() {
        let file = open(self.path, O_RDONLY | O_CLOEXEC)
        if file >= 0 { close(file) }
    }
}
