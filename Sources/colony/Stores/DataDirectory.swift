import ColonyCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Where Colony keeps its data unless told otherwise: one place per user, whatever the working directory, so that two
/// terminals contend for the same locks, and so that the daemon serves the locks that the command line takes directly.
///
/// `$COLONY_DATA` if it is set, else `$XDG_STATE_HOME/colony`, else `~/.local/state/colony`.
///
/// - SeeAlso: *XDG Base Directory Specification* 0.8, which puts there what persists over restarts but is not the user's work.
struct DataDirectory {
    let path: String

    /// - Throws: ``Failure`` if the user has no home directory.
    static func ofThisUser() throws -> DataDirectory {
        if let path = Environment["COLONY_DATA"] { return DataDirectory(path: path) }
        // The specification has relative paths ignored.
        if let state = Environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            return DataDirectory(path: "\(state)/colony")
        }
        guard let home = Environment["HOME"] ?? Self.homeInUserDatabase else {
            throw Failure(
                "no_home", "There is no home directory to keep data in. Set COLONY_DATA, or give --store sqlite:FILE.",
                exitCode: .usage)
        }
        return DataDirectory(path: "\(home)/.local/state/colony")
    }

    /// The store in this directory.
    var store: String { "\(self.path)/colony.db" }

    /// Makes the directory, readable by its owner alone, if it is not there.
    func create() throws {
        var made = ""
        for part in self.path.split(separator: "/", omittingEmptySubsequences: true) {
            made += made.isEmpty && !self.path.hasPrefix("/") ? String(part) : "/\(part)"
            guard mkdir(made, 0o700) != 0, errno != EEXIST, errno != EISDIR else { continue }
            let reason = String(cString: strerror(errno))
            if access(made, F_OK) == 0 { continue }
            throw Failure(
                "storage_failed", "The data directory \(NameRules.quoted(made)) could not be made: \(reason).")
        }
    }

    private static var homeInUserDatabase: String? {
        guard let entry = getpwuid(getuid()), let directory = entry.pointee.pw_dir else { return nil }
        return String(cString: directory)
    }
}

/// The environment variables that the command line reads. An empty one counts as not set.
enum Environment {
    static subscript(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// All of them, as far as they are UTF-8.
    static var all: [String: String] {
        var result: [String: String] = [:]
        for entry in EnvironmentBytes.ofThisProcess() {
            guard let text = String(validating: entry, as: UTF8.self), let equals = text.firstIndex(of: "=") else {
                continue
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}
