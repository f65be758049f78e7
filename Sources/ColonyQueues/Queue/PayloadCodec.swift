#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How the payloads of a ``MessageQueue`` become the bodies of messages, and payloads again.
///
/// The bytes carry nothing else, so other programs can read what is published here, and this program what they publish.
public struct PayloadCodec<Payload: Sendable>: Sendable {
    /// Gives the bytes of a payload. May throw; nothing is published then.
    public var encode: @Sendable (Payload) throws -> [UInt8]
    /// Gives the payload of bytes, which may have been published by anybody. Throws if they are none of its own.
    public var decode: @Sendable ([UInt8]) throws -> Payload

    /// Makes a codec from two functions, of which one undoes the other.
    public init(
        encode: @escaping @Sendable (Payload) throws -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws -> Payload
    ) {
        self.encode = encode
        self.decode = decode
    }
}

extension PayloadCodec where Payload: Codable {
    /// Payloads as JSON.
    public static var json: PayloadCodec {
        PayloadCodec { payload in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(payload))
        } decode: { bytes in
            try JSONDecoder().decode(Payload.self, from: Data(bytes))
        }
    }
}

extension PayloadCodec<[UInt8]> {
    /// Bytes as they are.
    public static var bytes: PayloadCodec { PayloadCodec(encode: { $0 }, decode: { $0 }) }
}
