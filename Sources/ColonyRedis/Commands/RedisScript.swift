import ColonyCaches
import Crypto

/// A script, which Redis runs in one step.
struct RedisScript: Sendable {
    let text: String
    /// What the server knows it under once it has run it.
    let digest: String

    init(_ text: String) {
        self.text = text
        self.digest = EntryVersion.digest(Array(text.utf8))
    }
}

/// Scripts that compare an entry of a cache with a version and then change it.
extension RedisScript {
    /// Sets `matches`: whether the entry is in the state that the first argument stands for.
    private static let comparison = """
        local held = redis.call('GET', KEYS[1])
        local matches
        if ARGV[1] == '' then
            matches = not held
        elseif not held then
            matches = false
        elseif string.sub(ARGV[1], 1, 1) == '=' then
            matches = '=' .. held == ARGV[1]
        else
            matches = '#' .. redis.sha1hex(held) == ARGV[1]
        end

        """

    /// Arguments: version or nothing, value, and milliseconds to live or nothing.
    static let compareAndSet = RedisScript(
        comparison + """
            if not matches then return {0, held} end
            if ARGV[3] == '' then
                redis.call('SET', KEYS[1], ARGV[2])
            else
                redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
            end
            return {1}
            """)

    /// Argument: version.
    static let compareAndDelete = RedisScript(
        comparison + """
            if not matches then return 0 end
            return redis.call('DEL', KEYS[1])
            """)
}

/// What stands for the bytes of an entry.
///
/// Redis keeps no version, so it is made from the value: up to 40 bytes the value itself behind `=`, beyond its SHA-1 in
/// hexadecimal behind `#`, which a script can compute on the server. SHA-1 is what Redis scripts have; somebody who may
/// choose values can make two with one digest, and then only his own comparison takes the one for the other.
enum EntryVersion {
    static let inlineBytes = 40

    static func of(_ value: [UInt8]) -> CacheVersion {
        if value.count <= self.inlineBytes {
            return CacheVersion(
                bytes: Array(unsafeUninitializedCapacity: value.count + 1) { buffer, count in
                    buffer[0] = UInt8(ascii: "=")
                    for index in value.indices { buffer[index + 1] = value[index] }
                    count = value.count + 1
                })
        }
        return CacheVersion(bytes: [UInt8(ascii: "#")] + Array(self.digest(value).utf8))
    }

    static func digest(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(40)
        for byte in Insecure.SHA1.hash(data: bytes) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
