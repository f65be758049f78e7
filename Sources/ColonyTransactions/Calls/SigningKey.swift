#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A secret that calls of participants are signed with, and that participants check them by.
///
/// It is written `whsec_` and the base 64 of its bytes, as Standard Webhooks has it; `openssl rand -base64 32` makes one.
public struct SigningKey: Sendable, CustomStringConvertible {
    /// How many bytes a key may have, as the standard has it: fewer could be guessed, and more make it no stronger.
    public static let lengths: ClosedRange<Int> = 24...64

    /// What keys begin with.
    public static let prefix = "whsec_"

    let bytes: [UInt8]

    /// Reads a key.
    ///
    /// - Parameter text: Base 64, with or without the prefix and the padding.
    /// - Throws: ``CallSignatureError`` with code `invalidKey`, which does not quote the text.
    public init(_ text: some StringProtocol) throws(CallSignatureError) {
        let encoded = text.hasPrefix(Self.prefix) ? text.dropFirst(Self.prefix.count) : text[...]
        let padding = String(repeating: "=", count: (4 - encoded.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: encoded + padding) else {
            throw CallSignatureError(.invalidKey, "a signing key is not \(Self.prefix) and base 64")
        }
        guard Self.lengths.contains(data.count) else {
            throw CallSignatureError(
                .invalidKey,
                "a signing key of \(data.count) bytes is not possible: from \(Self.lengths.lowerBound) to "
                    + "\(Self.lengths.upperBound)")
        }
        self.bytes = Array(data)
    }

    /// Never the key.
    public var description: String { "\(Self.prefix)…" }
}
