/// Reads values of both versions of the protocol from bytes that come in pieces.
///
/// ```swift
/// var parser = RESPParser()
/// parser.feed(bytes)
/// while let value = try parser.next() { … }
/// ```
///
/// A parser that starts over whenever a value is not yet whole reads a large answer that comes in small pieces again and
/// again. This one keeps open aggregates on a stack of its own and goes on where it stopped, so the work is linear in the
/// bytes however they are cut, and depth costs no stack of the machine. Of a string that is not whole nothing is looked at
/// but its length. Promised lengths reserve no memory.
///
/// - SeeAlso: *Redis serialization protocol specification*, redis.io; for streamed values, antirez/RESP3.
public struct RESPParser: Sendable {
    private enum Kind { case array, set, push, map, attribute }

    private struct Frame {
        let kind: Kind
        /// How many values are still to come; `nil` until an end mark.
        var remaining: Int?
        var values: [RESPValue] = []
    }

    private enum Awaited {
        case header
        /// A string of a known length, introduced by this byte.
        case block(type: UInt8, length: Int)
        /// The next piece of a streamed string.
        case chunkHeader
        case chunk(length: Int)
    }

    private let limits: RESPLimits
    private var buffer = RESPBuffer()
    private var stack: [Frame] = []
    private var awaited = Awaited.header
    private var streamed: [UInt8] = []
    /// The attributes that were read and whose value has not come whole, by the depth at which they stand.
    private var attributes: [(depth: Int, pairs: [RESPPair])] = []
    private var bytesOfValue = 0
    private var failure: RESPError?

    /// Makes a parser at the start of a stream.
    public init(limits: RESPLimits = RESPLimits()) { self.limits = limits }

    /// How many bytes were fed and not yet read.
    public var unreadBytes: Int { self.buffer.count }

    /// Whether the stream stands between two values, which is where it may end.
    public var isBetweenValues: Bool {
        guard case .header = self.awaited else { return false }
        return self.buffer.count == 0 && self.stack.isEmpty && self.attributes.isEmpty
    }

    /// Adds bytes that came.
    ///
    /// - Complexity: Amortised O(*n*).
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) { self.buffer.append(bytes) }

    /// Adds bytes that came.
    ///
    /// - Complexity: Amortised O(*n*).
    public mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { self.buffer.append($0) } }

    /// Takes the next value.
    ///
    /// - Returns: `nil` if it has not come whole.
    /// - Throws: ``RESPError``; the same again at every later call, because the stream cannot be understood any more.
    /// - Complexity: O(*n*) in the bytes that came since the last call, in all calls together.
    public mutating func next() throws(RESPError) -> RESPValue? {
        if let failure { throw failure }
        do {
            return try self.read()
        } catch {
            self.failure = error
            throw error
        }
    }

    private mutating func read() throws(RESPError) -> RESPValue? {
        while true {
            let before = self.buffer.start
            let step = try self.step()
            self.bytesOfValue += self.buffer.start - before
            if self.bytesOfValue > self.limits.valueBytes {
                throw RESPError(
                    .tooLong, "a value has more than \(self.limits.valueBytes) bytes",
                    at: self.buffer.bytes[before..<self.buffer.start])
            }
            switch step {
            case .nothing: return nil
            case .part: continue
            case .value(let value):
                if let whole = self.add(value) {
                    self.bytesOfValue = 0
                    return whole
                }
            }
        }
    }

    private enum Step {
        case nothing
        case part
        case value(RESPValue)
    }

    private mutating func step() throws(RESPError) -> Step {
        switch self.awaited {
        case .header:
            return try self.header()
        case .block(let type, let length):
            guard let bytes = try self.buffer.block(length) else { return .nothing }
            self.awaited = .header
            return .value(try self.string(bytes, type))
        case .chunkHeader:
            guard let line = try self.buffer.line(limit: self.limits.lineBytes) else { return .nothing }
            guard self.buffer.bytes[line.lowerBound] == UInt8(ascii: ";"), line.count > 1 else {
                throw self.malformed("a piece of a streamed string does not begin with ;", line)
            }
            let length = try self.length(line, limit: self.limits.stringBytes - self.streamed.count)
            if length == 0 {
                self.awaited = .header
                let whole = self.streamed
                self.streamed = []
                return .value(.bulkString(whole))
            }
            self.awaited = .chunk(length: length)
            return .part
        case .chunk(let length):
            guard let bytes = try self.buffer.block(length) else { return .nothing }
            self.streamed += bytes
            self.awaited = .chunkHeader
            return .part
        }
    }

    // MARK: Aggregates

    /// Puts a value where it belongs, and closes what it completes. Gives the outermost value when that is whole.
    private mutating func add(_ value: RESPValue) -> RESPValue? {
        var value = value
        while true {
            if let last = self.attributes.last, last.depth == self.stack.count {
                self.attributes.removeLast()
                value = .attributed(last.pairs, value)
                continue
            }
            guard !self.stack.isEmpty else { return value }
            let top = self.stack.count - 1
            self.stack[top].values.append(value)
            guard let remaining = self.stack[top].remaining else { return nil }
            self.stack[top].remaining = remaining - 1
            if remaining > 1 { return nil }
            guard let closed = self.close() else { return nil }
            value = closed
        }
    }

    /// Closes the innermost aggregate; `nil` if it was an attribute, which stands before its value.
    private mutating func close() -> RESPValue? {
        let frame = self.stack.removeLast()
        switch frame.kind {
        case .array: return .array(frame.values)
        case .set: return .set(frame.values)
        case .push: return .push(frame.values)
        case .map: return .map(Self.pairs(frame.values))
        case .attribute:
            self.attributes.append((self.stack.count, Self.pairs(frame.values)))
            return nil
        }
    }

    private static func pairs(_ values: [RESPValue]) -> [RESPPair] {
        var pairs: [RESPPair] = []
        pairs.reserveCapacity(values.count / 2)
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            pairs.append(RESPPair(values[index], values[index + 1]))
        }
        return pairs
    }

    private mutating func open(_ kind: Kind, _ line: Range<Int>) throws(RESPError) -> Step {
        // Attributes that wait for their value nest it as well.
        if self.stack.count + self.attributes.count >= self.limits.depth {
            throw RESPError(
                .tooDeep, "more than \(self.limits.depth) aggregates stand in each other", at: self.buffer.bytes[line])
        }
        let isPaired = kind == .map || kind == .attribute
        if line.count == 2, self.buffer.bytes[line.lowerBound + 1] == UInt8(ascii: "?") {
            guard kind != .push, kind != .attribute else {
                throw self.malformed("only arrays, sets, and maps are streamed", line)
            }
            self.stack.append(Frame(kind: kind, remaining: nil))
            return .part
        }
        if kind == .array, self.isMinusOne(line) { return .value(.nullArray) }
        let count = try self.length(line, limit: isPaired ? self.limits.elements / 2 : self.limits.elements)
        self.stack.append(Frame(kind: kind, remaining: isPaired ? 2 * count : count))
        if count > 0 { return .part }
        return self.close().map(Step.value) ?? .part
    }

    // MARK: Headers

    private mutating func header() throws(RESPError) -> Step {
        guard let line = try self.buffer.line(limit: self.limits.lineBytes) else {
            if let first = self.buffer.first { try self.checkType(first) }
            return .nothing
        }
        guard !line.isEmpty else { throw self.malformed("a line is empty", line) }
        let type = self.buffer.bytes[line.lowerBound]
        switch type {
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="): return try self.stringHeader(type, line)
        case UInt8(ascii: "*"): return try self.open(.array, line)
        case UInt8(ascii: "~"): return try self.open(.set, line)
        case UInt8(ascii: ">"): return try self.open(.push, line)
        case UInt8(ascii: "%"): return try self.open(.map, line)
        case UInt8(ascii: "|"): return try self.open(.attribute, line)
        case UInt8(ascii: "."): return try self.endMark(line)
        default: return .value(try self.scalar(type, line))
        }
    }

    private func checkType(_ byte: UInt8) throws(RESPError) {
        switch byte {
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="), UInt8(ascii: "*"), UInt8(ascii: "~"),
            UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "|"), UInt8(ascii: "."), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "#"), UInt8(ascii: ","),
            UInt8(ascii: "("):
            return
        default:
            throw RESPError(.malformed, "no value begins like this", at: self.buffer.bytes[self.buffer.start...])
        }
    }

    private func scalar(_ type: UInt8, _ line: Range<Int>) throws(RESPError) -> RESPValue {
        let body = line.dropFirst()
        let value = self.buffer.bytes.withUnsafeBufferPointer { bytes -> RESPValue? in
            let bytes = Slice(base: bytes, bounds: body)
            switch type {
            case UInt8(ascii: "+"):
                // What most writes are answered with costs no memory.
                if bytes.elementsEqual(Self.ok) { return .simpleString(Self.ok) }
                return .simpleString(Array(bytes))
            case UInt8(ascii: "-"): return .simpleError(Array(bytes))
            case UInt8(ascii: ":"): return RESPNumbers.integer(bytes).map(RESPValue.integer)
            case UInt8(ascii: "_"): return bytes.isEmpty ? .null : nil
            case UInt8(ascii: "#"):
                if bytes.elementsEqual([UInt8(ascii: "t")]) { return .boolean(true) }
                return bytes.elementsEqual([UInt8(ascii: "f")]) ? .boolean(false) : nil
            case UInt8(ascii: ","): return RESPNumbers.double(bytes).map(RESPValue.double)
            case UInt8(ascii: "("): return RESPNumbers.isBigNumber(bytes) ? .bigNumber(Array(bytes)) : nil
            default: return nil
            }
        }
        if let value { return value }
        try self.checkType(type, line)
        throw self.malformed("a value is not what its first byte announces", line)
    }

    private static let ok = Array("OK".utf8)

    private func checkType(_ type: UInt8, _ line: Range<Int>) throws(RESPError) {
        do {
            try self.checkType(type)
        } catch {
            throw self.malformed(error.reason, line)
        }
    }

    private mutating func stringHeader(_ type: UInt8, _ line: Range<Int>) throws(RESPError) -> Step {
        if type == UInt8(ascii: "$") {
            if line.count == 2, self.buffer.bytes[line.lowerBound + 1] == UInt8(ascii: "?") {
                self.awaited = .chunkHeader
                return .part
            }
            if self.isMinusOne(line) { return .value(.null) }
        }
        let length = try self.length(line, limit: self.limits.stringBytes)
        self.awaited = .block(type: type, length: length)
        return .part
    }

    private func string(_ bytes: [UInt8], _ type: UInt8) throws(RESPError) -> RESPValue {
        switch type {
        case UInt8(ascii: "$"): return .bulkString(bytes)
        case UInt8(ascii: "!"): return .blobError(bytes)
        default:
            guard bytes.count >= 4, bytes[3] == UInt8(ascii: ":") else {
                throw RESPError(.malformed, "a verbatim string does not begin with its format", at: bytes)
            }
            return .verbatimString(RESPTextFormat(bytes[0], bytes[1], bytes[2]), Array(bytes.dropFirst(4)))
        }
    }

    /// The end of a streamed aggregate.
    private mutating func endMark(_ line: Range<Int>) throws(RESPError) -> Step {
        guard line.count == 1, let frame = self.stack.last, frame.remaining == nil,
            self.attributes.last?.depth != self.stack.count
        else { throw self.malformed("nothing that is streamed ends here", line) }
        guard frame.kind != .map || frame.values.count.isMultiple(of: 2) else {
            throw self.malformed("a streamed map ends between a key and its value", line)
        }
        return self.close().map(Step.value) ?? .part
    }

    private func isMinusOne(_ line: Range<Int>) -> Bool {
        line.count == 3 && self.buffer.bytes[line.lowerBound + 1] == UInt8(ascii: "-")
            && self.buffer.bytes[line.lowerBound + 2] == UInt8(ascii: "1")
    }

    private func length(_ line: Range<Int>, limit: Int) throws(RESPError) -> Int {
        let number = self.buffer.bytes.withUnsafeBufferPointer { bytes in
            RESPNumbers.integer(Slice(base: bytes, bounds: line.dropFirst()))
        }
        guard let number, number >= 0 else { throw self.malformed("a length is not a number from 0", line) }
        guard number <= limit else {
            throw RESPError(.tooLong, "a length is beyond the limit of \(limit)", at: self.buffer.bytes[line])
        }
        return Int(number)
    }

    private func malformed(_ reason: String, _ line: Range<Int>) -> RESPError {
        RESPError(.malformed, reason, at: self.buffer.bytes[line])
    }
}
