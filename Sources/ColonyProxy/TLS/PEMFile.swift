import NIOSSL

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Reads certificates and keys from files in PEM, and says what is wrong with those that are not. Nothing of what is in a file is in an
/// error: it may be a key.
enum PEMFile {
    /// A chain of certificates and a bundle of trust roots are much shorter.
    private static let mostBytes = 4 << 20

    /// The certificates in a file, in their order.
    ///
    /// - Parameter role: What the file is for, as the error calls it.
    static func certificates(_ path: String, as role: String) throws(ProxyError) -> [NIOSSLCertificate] {
        let bytes = try self.read(path, as: role)
        do {
            let found = try NIOSSLCertificate.fromPEMBytes(bytes)
            if !found.isEmpty { return found }
        } catch {
            throw ProxyError(
                .invalidConfiguration, "the \(role) \"\(path)\" holds no certificate in PEM that can be read",
                cause: error)
        }
        throw ProxyError(.invalidConfiguration, "the \(role) \"\(path)\" holds no certificate in PEM")
    }

    /// The private key in a file.
    static func privateKey(_ path: String) throws(ProxyError) -> NIOSSLPrivateKey {
        let bytes = try self.read(path, as: "key file")
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            throw ProxyError(
                .invalidConfiguration, "the key file \"\(path)\" holds no private key in PEM without a passphrase",
                cause: error)
        }
    }

    private static func read(_ path: String, as role: String) throws(ProxyError) -> [UInt8] {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw ProxyError(.invalidConfiguration, "\"\(path)\" is not possible as the name of a \(role)")
        }
        guard let file = fopen(path, "rb") else { throw self.unreadable(path, role, errno) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, file)
            bytes += part[..<count]
            guard bytes.count <= self.mostBytes else {
                throw ProxyError(
                    .invalidConfiguration, "the \(role) \"\(path)\" is longer than \(self.mostBytes) bytes")
            }
            if count < part.count { break }
        }
        if ferror(file) != 0 { throw self.unreadable(path, role, errno) }
        return bytes
    }

    private static func unreadable(_ path: String, _ role: String, _ number: Int32) -> ProxyError {
        ProxyError(
            .invalidConfiguration,
            "the \(role) \"\(path)\" cannot be read: \(String(cString: strerror(number)).lowercased())")
    }
}
