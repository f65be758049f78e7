/// Why a trace could not be read or replayed.
public struct TraceError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, for a program.
    public enum Code: String, Sendable {
        /// There is no such file, it is a folder, or it may not be read.
        case unreadable
        /// The file is compressed, and the program that expands it is not installed.
        case toolMissing
        /// The file cannot be expanded: it is cut off, or not what its name says.
        case corrupt
        /// There is no key in it.
        case empty
        /// A size below 1.
        case invalidSize
    }

    /// What is wrong.
    public let code: Code
    /// A sentence for people, with the path or the value.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
