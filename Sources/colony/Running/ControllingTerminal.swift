#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The terminal that controls the session of this process, if it has one.
///
/// At any time one process group is in its foreground: that one reads the keyboard and gets the signals of Ctrl-C and Ctrl-Z.
/// A command that runs in a group of its own must be given the foreground, or it stops at its first read.
struct ControllingTerminal: Sendable {
    private let descriptor: CInt

    init?() {
        let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    /// Whether this process's own group is in the foreground.
    var isOurs: Bool { tcgetpgrp(self.descriptor) == getpgrp() }

    /// Brings `group` to the foreground in place of this process's own group.
    ///
    /// - Returns: `false` if another job of the shell is there, which is then left alone.
    func lend(to group: pid_t) -> Bool {
        self.isOurs && tcsetpgrp(self.descriptor, group) == 0
    }

    /// Brings this process's own group back if `group` is in the foreground.
    func takeBack(from group: pid_t) {
        guard tcgetpgrp(self.descriptor) == group else { return }
        _ = tcsetpgrp(self.descriptor, getpgrp())
    }

    /// The line settings, such as whether typed characters are shown.
    var modes: termios? {
        var modes = termios()
        return tcgetattr(self.descriptor, &modes) == 0 ? modes : nil
    }

    /// Restores line settings that a command was killed before it could restore.
    func restore(_ modes: termios) {
        var modes = modes
        _ = tcsetattr(self.descriptor, TCSADRAIN, &modes)
    }
}
