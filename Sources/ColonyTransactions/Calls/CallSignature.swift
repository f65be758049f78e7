public import ColonyCore
import Crypto

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// By what a participant knows that a call comes from who has the key, and now: the three headers of Standard Webhooks.
///
/// ```swift
/// try CallSignature(
///     id: headers["webhook-id"], timestamp: headers["webhook-timestamp"], signatures: headers["webhook-signature"]
/// ).verify(body, with: [key])
/// ```
///
/// What is signed is the identifier, the second, and the body, with full stops between them, by HMAC-SHA256. The identifier is the same each
/// time that a call is repeated, and is what a participant does things once for; the second keeps an old call from being sent again later.
///
/// - SeeAlso: *Standard Webhooks*, version 1, "Signature scheme": github.com/standard-webhooks/standard-webhooks.
public struct CallSignature: Hashable, Sendable {
    /// The names of the headers.
    public static let idHeader = "webhook-id"
    /// The header with the second in which it was signed.
    public static let timestampHeader = "webhook-timestamp"
    /// The header with the signatures.
    public static let signatureHeader = "webhook-signature"
    /// How old a call may be, and how far the clock of who signed it may be ahead. Five minutes, as the libraries of others have it.
    public static let tolerance: Duration = .seconds(300)
    /// The most signatures that are looked at.
    public static let mostSignatures = 16

    /// What tells this call from others.
    public let id: String
    /// When it was signed, in seconds since 1970.
    public let timestamp: Int64
    /// One signature for each key, with spaces between them: `v1,` and base 64.
    public let signatures: String

    /// Signs a call.
    ///
    /// - Parameters:
    ///   - id: Without a full stop, which would let bytes move from the identifier to the body.
    ///   - keys: At least one. While a key is being replaced there are two, and a participant may know either.
    public init(signing body: some Sequence<UInt8>, id: String, at now: WallTime, with keys: [SigningKey]) {
        precondition(!id.utf8.contains(UInt8(ascii: ".")), "\(id) has a full stop, which separates what is signed")
        precondition(!keys.isEmpty, "nothing is signed without a key")
        self.id = id
        self.timestamp = now.millisecondsSince1970 / 1_000
        let content = Self.content(id, self.timestamp, body)
        self.signatures = keys.map { key in
            let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: key.bytes))
            return "v1,\(Data(code).base64EncodedString())"
        }
        .joined(separator: " ")
    }

    /// Reads the headers of a call.
    ///
    /// - Throws: ``CallSignatureError`` with code `missing` or `malformed`.
    public init(id: String?, timestamp: String?, signatures: String?) throws(CallSignatureError) {
        guard let id, let timestamp, let signatures else {
            throw CallSignatureError(
                .missing,
                "the call has no signature: \(Self.idHeader), \(Self.timestampHeader), and \(Self.signatureHeader)")
        }
        guard !id.isEmpty, !id.utf8.contains(UInt8(ascii: ".")) else {
            throw CallSignatureError(.malformed, "\(NameRules.quoted(id)) is no \(Self.idHeader)")
        }
        guard let second = Int64(timestamp), second >= 0, String(second) == timestamp else {
            throw CallSignatureError(.malformed, "\(NameRules.quoted(timestamp)) is no \(Self.timestampHeader)")
        }
        self.id = id
        self.timestamp = second
        self.signatures = signatures
    }

    /// Refuses a call that nobody signed who has one of the keys, or that was signed at another time. The time that it takes says nothing
    /// about the keys.
    ///
    /// - Parameters:
    ///   - body: The body as it came, byte by byte.
    ///   - keys: Those of which one must have been used.
    ///   - tolerance: How far the clocks of both may be apart, with the time on the way.
    /// - Throws: ``CallSignatureError`` with code `stale` or `forged`.
    public func verify(
        _ body: some Sequence<UInt8>, with keys: [SigningKey], at now: WallTime = SystemWallClock().now,
        tolerance: Duration = Self.tolerance
    ) throws(CallSignatureError) {
        let age = now.millisecondsSince1970 / 1_000 - self.timestamp
        guard age.magnitude <= UInt64(max(0, tolerance.components.seconds)) else {
            throw CallSignatureError(
                .stale,
                "the call was signed \(age.magnitude) seconds \(age < 0 ? "from now" : "ago"), and "
                    + "\(tolerance.components.seconds) are allowed")
        }
        let content = Self.content(self.id, self.timestamp, body)
        var isGenuine = false
        for signature in self.signatures.split(separator: " ").prefix(Self.mostSignatures) {
            guard signature.hasPrefix("v1,"), let code = Data(base64Encoded: String(signature.dropFirst(3))) else {
                continue
            }
            for key in keys {
                let isOfThis = HMAC<SHA256>.isValidAuthenticationCode(
                    code, authenticating: content, using: SymmetricKey(data: key.bytes))
                isGenuine = isOfThis || isGenuine
            }
        }
        guard isGenuine else {
            throw CallSignatureError(.forged, "no signature of the call is of a known key and of this body")
        }
    }

    private static func content(_ id: String, _ timestamp: Int64, _ body: some Sequence<UInt8>) -> Data {
        Data("\(id).\(timestamp).".utf8) + Data(body)
    }
}

/// Why the signature of a call is not accepted.
public struct CallSignatureError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. A participant answers each of them with 401.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case invalidKey, missing, malformed, stale, forged }
        private let wrapped: Wrapped

        /// The text of a key is none. Mend the configuration.
        public static let invalidKey = Self(wrapped: .invalidKey)
        /// The call was not signed.
        public static let missing = Self(wrapped: .missing)
        /// A header is not what it must be.
        public static let malformed = Self(wrapped: .malformed)
        /// It was signed too long ago, or the clocks differ.
        public static let stale = Self(wrapped: .stale)
        /// It was signed with another key, or for another body.
        public static let forged = Self(wrapped: .forged)

        public var description: String { self.wrapped.rawValue }
    }

    /// What is wrong.
    public var code: Code
    /// A sentence for people, without secrets.
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(self.code): \(self.message)" }
}
