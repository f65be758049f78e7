import Foundation
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Ends what this process has started should this process itself end in any way, SIGKILL included.
///
/// A small shell outlives us in a process group of its own, reads what there is to end from a pipe, and sees the end of the
/// pipe when we are gone. It alone has the reading end, and nobody inherits the writing end.
package final class Undertaker: Sendable {
    package static let mine = Undertaker()

    private let writingEnd: Mutex<CInt>
    private let shell: Mutex<Process?>

    private static let script = """
        trap '' INT TERM HUP
        pids=" "; folders=""; spaces=""
        while read -r word value; do
            case $word in
            pid) pids="$pids$value " ;;
            gone) pids=$(echo "$pids" | sed "s/ $value / /") ;;
            folder) folders="$folders $value" ;;
            space) spaces="$spaces $value" ;;
            esac
        done
        for pid in $pids; do
            for child in $(cat /proc/$pid/task/*/children 2>/dev/null); do kill -9 $child 2>/dev/null; done
            kill -9 $pid 2>/dev/null
        done
        for space in $spaces; do ip netns del $space 2>/dev/null; done
        for folder in $folders; do rm -rf "$folder"; done
        """

    private init() {
        var ends: [CInt] = [-1, -1]
        let status = pipe(&ends)
        // Nobody may inherit the writing end: the shell would wait for its end in vain.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        precondition(status == 0, "no pipe could be made: error \(errno)")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.script]
        process.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            preconditionFailure("/bin/sh could not be started: \(error)")
        }
        self.writingEnd = Mutex(ends[1])
        self.shell = Mutex(process)
    }

    /// A process to kill, with its children.
    package func watch(process: Int32) { self.say("pid \(process)") }
    /// A process that has ended, whose number may go to somebody else.
    package func forget(process: Int32) { self.say("gone \(process)") }
    /// A folder to remove. Its path has no spaces.
    package func watch(folder: String) { self.say("folder \(folder)") }
    /// A network namespace to remove.
    package func watch(namespace: String) { self.say("space \(namespace)") }

    private func say(_ line: String) {
        self.writingEnd.withLock { descriptor in
            _ = Array("\(line)\n".utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        }
    }
}
