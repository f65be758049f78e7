/// Writes commands: arrays of bulk strings, in both versions of the protocol.
///
/// The parts are separate so that a client writes a command straight into the buffer that it sends, without an array of
/// words in between.
public enum RESPCommandEncoding {
    /// Adds a command of these words, each of any bytes.
    ///
    /// - Complexity: O(*n*) in the bytes that are written.
    public static func append(command words: [[UInt8]], to bytes: inout [UInt8]) {
        self.begin(words.count, &bytes)
        for word in words { self.append(word: word, to: &bytes) }
    }

    /// Adds a command of these words.
    public static func append(command words: String..., to bytes: inout [UInt8]) {
        self.begin(words.count, &bytes)
        for word in words { self.append(word: word, to: &bytes) }
    }

    /// Begins a command of `words` words, which must follow.
    public static func begin(_ words: Int, _ bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "*"))
        self.append(Int64(words), to: &bytes)
        self.endLine(&bytes)
    }

    /// Adds a word of any bytes.
    public static func append(word: [UInt8], to bytes: inout [UInt8]) {
        self.beginWord(word.count, &bytes)
        bytes.append(contentsOf: word)
        self.endLine(&bytes)
    }

    /// Adds a word: the UTF-8 of a text, behind that of a prefix.
    public static func append(word: String, prefix: [UInt8] = [], to bytes: inout [UInt8]) {
        self.beginWord(prefix.count + word.utf8.count, &bytes)
        bytes.append(contentsOf: prefix)
        var word = word
        word.withUTF8 { bytes.append(contentsOf: $0) }
        self.endLine(&bytes)
    }

    private static func beginWord(_ count: Int, _ bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "$"))
        self.append(Int64(count), to: &bytes)
        self.endLine(&bytes)
    }

    static func endLine(_ bytes: inout [UInt8]) {
        bytes.append(0x0D)
        bytes.append(0x0A)
    }

    static func append(_ number: Int64, to bytes: inout [UInt8]) {
        if (0...9).contains(number) {
            bytes.append(UInt8(ascii: "0") + UInt8(number))
            return
        }
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = number.magnitude
        // Digits come out from the last to the first.
        let start = bytes.count
        while magnitude > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
            magnitude /= 10
        }
        bytes[start...].reverse()
    }
}
