import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The file that a command's first word stands for, found as a shell finds it.
enum Executable {
    /// Why there is nothing to run, with the exit code that shells and `env` give for it.
    enum Failure: Error {
        case notFound(String)
        case notExecutable(path: String, reason: String)
        case notStarted(path: String, errorNumber: CInt)
    }

    /// A word with a slash is a path; any other is looked for in the directories of `searchPath`.
    static func path(of word: [UInt8], searchPath: [UInt8]?) throws(Failure) -> [UInt8] {
        if word.contains(UInt8(ascii: "/")) {
            return try self.checked(word)
        }
        let directories = (searchPath ?? Array("/usr/local/bin:/usr/bin:/bin".utf8))
            .split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var refusal: Failure?
        for directory in directories where !word.isEmpty {
            // An empty entry means the working directory, by POSIX.
            let candidate = (directory.isEmpty ? [UInt8(ascii: ".")] : Array(directory)) + [UInt8(ascii: "/")] + word
            do throws(Failure) {
                return try self.checked(candidate)
            } catch .notFound {
                continue
            } catch {
                refusal = refusal ?? error
            }
        }
        throw refusal ?? .notFound(String(decoding: word, as: UTF8.self))
    }

    private static func checked(_ path: [UInt8]) throws(Failure) -> [UInt8] {
        let text = String(decoding: path, as: UTF8.self)
        let terminated = path.map { CChar(bitPattern: $0) } + [0]
        guard access(terminated, F_OK) == 0 else {
            if errno == EACCES { throw .notExecutable(path: text, reason: "its directory may not be searched") }
            throw .notFound(text)
        }
        // Only directories have a `.` in them, though it may not be allowed to look at it.
        let isDirectory = access(path.map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0x2F), 0x2E, 0], F_OK) == 0
        if isDirectory || errno == EACCES { throw .notExecutable(path: text, reason: "it is a directory") }
        guard access(terminated, X_OK) == 0 else {
            throw .notExecutable(path: text, reason: "it may not be executed")
        }
        return path
    }
}

extension Executable.Failure: CustomStringConvertible {
    var exitCode: CInt {
        switch self {
        case .notFound: 127
        case .notStarted(_, errorNumber: ENOENT): 127
        case .notExecutable, .notStarted: 126
        }
    }

    var description: String {
        switch self {
        case .notFound(let word):
            "\(NameRules.quoted(word)) was not found, so nothing was run."
        case .notExecutable(let path, let reason):
            "\(NameRules.quoted(path)) cannot be run: \(reason)."
        case .notStarted(let path, let errorNumber):
            "\(NameRules.quoted(path)) could not be started: \(String(cString: strerror(errorNumber)))."
        }
    }
}
