#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How the values of a ``TieredCache`` become the bytes that a shared cache stores, and values again.
///
/// The bytes carry nothing else, so other programs can read what is stored here, and this program what they store.
/// What cannot be decoded counts as absent and is reported: a new version of a program that stores values in another
/// form works beside the old one as if the cache were cold.
public struct CacheCodec<Value: Sendable>: Sendable {
    /// Gives the bytes of a value. May throw; the value is then not stored.
    public var encode: @Sendable (Value) throws -> [UInt8]
    /// Gives the value of bytes, which may have been put there by anybody. Throws if they are none of its own.
    public var decode: @Sendable ([UInt8]) throws -> Value

    /// Makes a codec from two functions, of which one undoes the other.
    public init(
        encode: @escaping @Sendable (Value) throws -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws -> Value
    ) {
        self.encode = encode
        self.decode = decode
    }
}

extension CacheCodec where Value: Codable {
    /// Values as JSON, with the keys of objects sorted, so that equal values have equal bytes.
    public static var json: CacheCodec {
        CacheCodec { value in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(value))
        } decode: { bytes in
            try JSONDecoder().decode(Value.self, from: Data(bytes))
        }
    }
}

extension CacheCodec<[UInt8]> {
    /// Bytes as they are.
    public static var bytes: CacheCodec { CacheCodec(encode: { $0 }, decode: { $0 }) }
}

extension CacheCodec<String> {
    /// Text as UTF-8; other bytes are refused.
    public static var utf8: CacheCodec {
        CacheCodec {
            Array($0.utf8)
        } decode: { bytes in
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw CacheError(.undecodable, "\(bytes.count) bytes are not UTF-8")
            }
            return text
        }
    }
}
