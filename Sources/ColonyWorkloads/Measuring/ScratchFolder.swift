import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A new folder below the one that is measured, removed when the work is done.
public enum ScratchFolder {
    /// Makes the folder, runs `body` with its path, and removes it.
    ///
    /// - Throws: ``WorkloadError`` if no folder can be made in `directory`; otherwise what `body` throws.
    public static func with<Result>(
        in directory: String, _ body: (_ path: String) async throws -> Result
    ) async throws -> Result {
        let path = try self.make(in: directory)
        defer { self.remove(path) }
        return try await body(path)
    }

    /// The same for work that does not suspend.
    public static func blocking<Result>(
        in directory: String, _ body: (_ path: String) throws -> Result
    ) throws -> Result {
        let path = try self.make(in: directory)
        defer { self.remove(path) }
        return try body(path)
    }

    private static func make(in directory: String) throws -> String {
        var template = Array("\(directory)/colony-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw WorkloadError("no folder can be made in \(directory): \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func remove(_ path: String) {
        // A folder that stays behind spoils no figure, and the figure matters more.
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Why a workload gave no figure.
public struct WorkloadError: Error, Sendable, CustomStringConvertible {
    /// A sentence for people, with the values that matter.
    public let description: String

    /// Makes an error from a sentence.
    public init(_ description: String) {
        self.description = description
    }
}
