import ColonyCluster

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Reads cluster keys from a file, and says what is wrong with one that is none. Nothing of what is in it is in an error.
enum KeyFile {
    /// Sixteen keys with comments are much shorter.
    private static let mostBytes = 64 << 10

    /// - Returns: At least one key.
    static func keys(_ path: String) throws(ClusterError) -> [ClusterKey] {
        let bytes = try self.read(path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ClusterError(.invalidConfiguration, "the key file \"\(path)\" is not text")
        }
        var keys: [ClusterKey] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated() {
            var written = line.drop(while: \.isWhitespace)
            while written.last?.isWhitespace == true { written.removeLast() }
            if written.isEmpty || written.hasPrefix("#") { continue }
            do {
                keys.append(try ClusterKey(written))
            } catch {
                throw ClusterError(
                    .invalidConfiguration, "line \(number + 1) of the key file \"\(path)\": \(error.message)")
            }
        }
        guard !keys.isEmpty else {
            throw ClusterError(.invalidConfiguration, "the key file \"\(path)\" holds no key")
        }
        return keys
    }

    private static func read(_ path: String) throws(ClusterError) -> [UInt8] {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ClusterError(.invalidConfiguration, "\"\(path)\" is not possible as the name of a key file")
        }
        guard let file = fopen(path, "rb") else { throw self.unreadable(path, errno) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: self.mostBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        if ferror(file) != 0 { throw self.unreadable(path, errno) }
        guard count <= self.mostBytes else {
            throw ClusterError(
                .invalidConfiguration, "the key file \"\(path)\" is longer than \(self.mostBytes) bytes")
        }
        return Array(bytes[..<count])
    }

    private static func unreadable(_ path: String, _ number: Int32) -> ClusterError {
        ClusterError(
            .invalidConfiguration,
            "the key file \"\(path)\" cannot be read: \(String(cString: strerror(number)).lowercased())")
    }
}
