/// How a command ended.
enum CommandEnd: Hashable, Sendable {
    case exited(CInt)
    case killed(signal: CInt)

    /// The code that a shell gives: the command's own, or 128 and the number of the signal.
    var exitCode: CInt {
        switch self {
        case .exited(let code): code
        case .killed(let signal): 128 + signal
        }
    }

    /// Reads what `waitpid` gave, unless the child has only stopped.
    init?(waitStatus status: CInt) {
        switch status & 0x7F {
        case 0: self = .exited((status >> 8) & 0xFF)
        case 0x7F: return nil
        case let signal: self = .killed(signal: signal)
        }
    }
}
