#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A tiny shell process that leads the process group of a guarded command, and kills the group if this process dies.
///
/// It reads from a pipe whose other end only this process holds. However this process ends, also by SIGKILL, the pipe ends
/// with it, and the guardian kills its own group: the command, what the command has started, and itself. The word `done`
/// in the pipe sends it home instead.
///
/// `PR_SET_PDEATHSIG` of Linux would be the other way. It reaches the command alone and not its children, is forgotten by
/// set-user-ID programs, and fires when the *thread* that started the command ends. A process that leaves the group, as
/// `setsid` makes it, is reached by neither.
struct Guardian {
    /// The process group: the guardian's own number.
    let group: pid_t
    private let lifeline: CInt

    private static let script = "read -r word; [ \"$word\" = done ] || kill -KILL 0"

    /// - Throws: ``Executable/Failure`` if the system has no `/bin/sh` or no process to spare.
    init() throws(Executable.Failure) {
        var ends: [CInt] = [-1, -1]
        guard Self.makePipe(&ends) else {
            throw .notStarted(path: "/bin/sh", errorNumber: errno)
        }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer {
            close(ends[0])
            close(null)
        }
        let shell = Spawn(
            path: Array("/bin/sh".utf8), words: ["sh", "-c", Self.script].map { Array($0.utf8) }, environment: [],
            group: 0, descriptors: [(ends[0], 0), (null, 1), (null, 2)],
            // What the terminal or anybody else sends to the whole group is meant for the command.
            signals: Spawn.Signals(held: SignalSet.all, ignored: []))
        switch shell.start() {
        case .success(let process):
            self.group = process
            self.lifeline = ends[1]
        case .failure(let error):
            close(ends[1])
            throw .notStarted(path: "/bin/sh", errorNumber: error.number)
        }
    }

    /// Sends the guardian home. From here on the number of the group may be given to others once the group is empty.
    func dismiss() {
        let word = Array("done\n".utf8)
        _ = word.withUnsafeBytes { write(self.lifeline, $0.baseAddress, $0.count) }
        close(self.lifeline)
        var status: CInt = 0
        while waitpid(self.group, &status, 0) == -1, errno == EINTR {}
    }

    private static func makePipe(_ ends: inout [CInt]) -> Bool {
        // No program that another thread starts may inherit the pipe, or it would not end with this process.
        Spawn.whileNothingStarts { pipe(&ends) == 0 && ends.allSatisfy { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 } }
    }
}
