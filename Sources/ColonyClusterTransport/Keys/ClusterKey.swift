public import ColonyCluster
import ColonyCore
import Crypto

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The secret that members of a cluster share, by which they seal what they send each other: an AES key of 16, 24, or 32 bytes.
///
/// `openssl rand -base64 32` makes one. Nothing of it is in a description, a mirror, an error, or a log; ``identifier`` is what a key is called there.
public struct ClusterKey: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// How many bytes a key may have: AES-128, AES-192, AES-256.
    public static let lengths: Set<Int> = [16, 24, 32]

    let bytes: [UInt8]
    /// ``identifier`` as a number, which stands in every envelope that the key has sealed.
    let tag: UInt32

    /// Makes a key from bytes that were drawn at random.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration` if there are not 16, 24, or 32 of them, or if all are the same. The bytes are not quoted.
    public init(bytes: some Collection<UInt8>) throws(ClusterError) {
        guard Self.lengths.contains(bytes.count) else {
            throw ClusterError(
                .invalidConfiguration, "a cluster key has 16, 24, or 32 bytes, and not \(bytes.count)")
        }
        guard Set(bytes).count > 1 else {
            throw ClusterError(.invalidConfiguration, "a cluster key of one byte that is repeated can be guessed")
        }
        self.bytes = Array(bytes)
        self.tag = Self.derivedNumber("colony cluster key v1", from: self.bytes)
    }

    /// Reads a key that is written in base 64 or in hexadecimal digits.
    ///
    /// Text of nothing but 32, 48, or 64 hexadecimal digits is taken for such; as base 64 it would be a key once in 10¹⁵ times.
    ///
    /// - Throws: ``ClusterError`` with code `invalidConfiguration`. The text is not quoted.
    public init(_ text: some StringProtocol) throws(ClusterError) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        if digits.count == text.utf8.count, [32, 48, 64].contains(digits.count) {
            let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            try self.init(bytes: bytes)
            return
        }
        guard let data = Data(base64Encoded: String(text)) else {
            throw ClusterError(
                .invalidConfiguration,
                "a cluster key of \(text.utf8.count) characters is neither base 64 nor hexadecimal digits")
        }
        try self.init(bytes: data)
    }

    /// Draws a key.
    ///
    /// - Parameter generator: One whose numbers nobody can guess. Only tests have another one than that of the system.
    public static func random(
        using generator: inout some RandomNumberGenerator
    ) -> ClusterKey {
        while true {
            let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            if let key = try? ClusterKey(bytes: bytes) { return key }
        }
    }

    /// What the key is called where people see it: eight hexadecimal digits that were derived from it one way, and tell nothing of it.
    public var identifier: String { NameRules.hexadecimal(self.tag, digits: 8).lowercased() }

    /// Never the key.
    public var description: String { "ClusterKey(\(self.identifier))" }
    public var debugDescription: String { self.description }
    /// Without the bytes, so that a dump does not show them.
    public var customMirror: Mirror { Mirror(self, children: ["identifier": self.identifier]) }

    // MARK: Deriving

    /// Four bytes that depend on the key and on a label, from which nothing of the key can be computed.
    func derivedNumber(_ label: String) -> UInt32 { Self.derivedNumber(label, from: self.bytes) }

    private static func derivedNumber(_ label: String, from bytes: [UInt8]) -> UInt32 {
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes), info: Array(label.utf8), outputByteCount: 4)
        return derived.withUnsafeBytes { bytes in bytes.reduce(0 as UInt32) { $0 << 8 | UInt32($1) } }
    }

    /// Another key of the same length for one use of this one.
    func derivedKey(salt: [UInt8], label: [UInt8]) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: self.bytes), salt: salt, info: label,
            outputByteCount: self.bytes.count)
    }
}
