public import ColonyCore

/// The name of one request that may be sent several times and must have its effect once.
///
/// The caller makes it, once for each thing that it wants done, and sends the same one with each repetition. Put the name of the caller
/// into it, or one caller can read the outcomes of another.
public struct IdempotencyKey: StoredName {
    /// The role that errors name.
    public static var role: String { "request key" }

    /// The name as text.
    public let rawValue: String

    /// Makes a name from text that comes from outside.
    ///
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    /// - Complexity: O(*n*) in the length of the text.
    public init(_ text: String) throws(InvalidName) {
        self.rawValue = try Self.checked(text)
    }

    /// Makes a name from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(literal: value)
    }
}

/// What a request asks for, in few bytes: a key that comes again with another content is a mistake of the caller, and is refused.
///
/// Use a digest of the request, such as SHA-256 of its method, path, and body.
public struct IdempotencyFingerprint: Hashable, Sendable {
    /// The bytes.
    public let bytes: [UInt8]

    /// The most bytes of a fingerprint.
    public static let maximumBytes = 255
    /// For keys that say all: each request with the key counts as the same.
    public static let none = IdempotencyFingerprint(unchecked: [])

    /// Makes a fingerprint of at most ``maximumBytes`` bytes.
    ///
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which tells the number.
    public init(_ bytes: some Sequence<UInt8>) throws(ResilienceError) {
        let bytes = Array(bytes)
        guard bytes.count <= Self.maximumBytes else {
            throw ResilienceError(
                .invalidRequest, "a fingerprint of \(bytes.count) bytes is too long: at most \(Self.maximumBytes)")
        }
        self.init(unchecked: bytes)
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }
}
