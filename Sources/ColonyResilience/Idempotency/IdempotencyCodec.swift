#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How the values of an ``Idempotency`` become the bytes that a store keeps, and values again.
public struct IdempotencyCodec<Value: Sendable>: Sendable {
    /// Gives the bytes of a value.
    public var encode: @Sendable (Value) throws -> [UInt8]
    /// Gives the value of bytes, which an older version of the program may have stored.
    public var decode: @Sendable ([UInt8]) throws -> Value

    /// Makes a codec from two functions, of which one undoes the other.
    public init(
        encode: @escaping @Sendable (Value) throws -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws -> Value
    ) {
        self.encode = encode
        self.decode = decode
    }
}

extension IdempotencyCodec where Value: Codable {
    /// Values as JSON, with the keys of objects sorted, so that equal values have equal bytes.
    public static var json: IdempotencyCodec {
        IdempotencyCodec { value in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(value))
        } decode: { bytes in
            try JSONDecoder().decode(Value.self, from: Data(bytes))
        }
    }
}

extension IdempotencyCodec<[UInt8]> {
    /// Bytes as they are.
    public static var bytes: IdempotencyCodec { IdempotencyCodec(encode: { $0 }, decode: { $0 }) }
}
