#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What the program says to people: sentences, progress, questions. Results go to standard output.
enum StandardError {
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line in one piece, so that lines of several processes do not mix.
    static func write(_ line: String, terminator: String = "\n") {
        StandardOutput.write(Array((line + terminator).utf8), to: STDERR_FILENO)
    }
}

/// Where results go.
enum StandardOutput {
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    static func write(_ text: String) {
        Self.write(Array((text + "\n").utf8), to: STDOUT_FILENO)
    }

    /// Writes bytes as they are.
    static func write(bytes: [UInt8]) {
        Self.write(bytes, to: STDOUT_FILENO)
    }

    /// Writes bytes as they are, where it matters that they arrive.
    ///
    /// - Throws: ``Failure`` if not all could be written, because the reader is gone or the disk is full.
    static func writeOrFail(bytes: [UInt8]) throws {
        let error = Self.write(bytes, to: STDOUT_FILENO)
        guard error == 0 else {
            throw Failure("unwritable", "standard output cannot be written: \(String(cString: strerror(error))).")
        }
    }

    /// The columns of the terminal, or 80 if there is none to ask.
    static var width: Int {
        if let columns = getenv("COLUMNS").flatMap({ Int(String(cString: $0)) }), columns > 0 { return columns }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes all of `bytes`. A reader that has gone away is seldom an error of ours.
    ///
    /// - Returns: The error that kept some of it from being written, or 0.
    @discardableResult
    fileprivate static func write(_ bytes: [UInt8], to descriptor: CInt) -> CInt {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                #if canImport(Darwin)
                let count = Darwin.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                #elseif canImport(Musl)
                let count = Musl.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                #else
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                #endif
                if count < 0 {
                    if errno == EINTR { continue }
                    return errno
                }
                rest = rest.dropFirst(count)
            }
            return 0
        }
    }
}

/// What can be asked of a person at the terminal.
enum StandardInput {
    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Asks a question that is answered with yes or no; anything but yes is no.
    static func confirm(_ question: String) -> Bool {
        StandardError.write("\(question) [y/N] ", terminator: "")
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }
}
