import ColonyRESP

/// The bytes of a text.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Everything that a parser makes of `bytes`, fed in one piece.
func parsed(_ bytes: [UInt8], _ limits: RESPLimits = RESPLimits()) throws(RESPError) -> [RESPValue] {
    var parser = RESPParser(limits: limits)
    parser.feed(bytes)
    return try drained(&parser)
}

func parsed(_ text: String) throws(RESPError) -> [RESPValue] { try parsed(utf8(text)) }

func drained(_ parser: inout RESPParser) throws(RESPError) -> [RESPValue] {
    var values: [RESPValue] = []
    while let value = try parser.next() { values.append(value) }
    return values
}

func encoded(_ value: RESPValue, _ version: RESPVersion) -> String {
    var encoder = RESPEncoder(version: version)
    encoder.encode(value)
    return String(decoding: encoder.bytes, as: UTF8.self)
}

/// SplitMix64, so that a seed repeats a run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Draws values of every type.
struct ValueGenerator {
    var chance: Seeded

    init(seed: UInt64) { self.chance = Seeded(seed) }

    private mutating func bytes(_ range: ClosedRange<UInt8>, upTo most: Int = 40) -> [UInt8] {
        (0..<Int.random(in: 0...most, using: &self.chance)).map { _ in UInt8.random(in: range, using: &self.chance) }
    }

    private mutating func values(_ depth: Int) -> [RESPValue] {
        (0..<Int.random(in: 0...4, using: &self.chance)).map { _ in self.value(depth: depth - 1) }
    }

    private mutating func pairs(_ depth: Int) -> [RESPPair] {
        (0..<Int.random(in: 0...3, using: &self.chance)).map { _ in
            RESPPair(self.value(depth: depth - 1), self.value(depth: depth - 1))
        }
    }

    /// - Parameter isPlain: Whether only the types of version 2 are drawn.
    mutating func value(depth: Int = 4, isPlain: Bool = false) -> RESPValue {
        let plain = depth > 0 ? 6 : 5
        let all = depth > 0 ? 16 : 11
        switch Int.random(in: 0..<(isPlain ? plain : all), using: &self.chance) {
        case 0: return .simpleString(self.bytes(0x20...0xFF))
        case 1: return .simpleError(self.bytes(0x20...0xFF))
        case 2: return .integer(Bool.random(using: &self.chance) ? .random(in: .min ... .max, using: &self.chance) : -3)
        case 3: return .bulkString(self.bytes(0...255, upTo: 300))
        case 4: return .null
        case 5 where isPlain:
            return .array((0..<3).map { _ in self.value(depth: depth - 1, isPlain: true) })
        case 5: return .boolean(.random(using: &self.chance))
        case 6:
            let number = Double(bitPattern: .random(in: 0 ... .max, using: &self.chance))
            return .double(number.isNaN ? -.infinity : number)
        case 7: return .bigNumber(utf8("-12") + self.bytes(0x30...0x39))
        case 8: return .blobError(self.bytes(0...255))
        case 9: return .verbatimString(.markdown, self.bytes(0...255))
        case 10: return .simpleString(utf8("OK"))
        case 11: return .array(self.values(depth))
        case 12: return .map(self.pairs(depth))
        case 13: return .set(self.values(depth))
        case 14: return .push(self.values(depth))
        default: return .attributed(self.pairs(depth), self.value(depth: depth - 1))
        }
    }
}
