import ColonyCore

/// Entries as bytes, the same in every durable journal.
///
/// A batch is a version, the number of entries, and each entry as its time, a tag, and its fields. Numbers are in LEB128, times as the
/// difference to the one before in zigzag, texts and bytes after their length. A JSON text would take three times the room and ten times
/// the time, for something that only this type reads.
package enum JournalEntryCoding {
    private static let version: UInt8 = 1

    private enum Tag: UInt8 {
        case started = 1, completed, refused, failed, turnedBack, compensated, stuck, intervened, finished
    }

    /// What bytes cannot be, with the reason.
    package struct Damage: Error, CustomStringConvertible {
        package let description: String
    }

    package static func encode(_ entries: [JournalEntry]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Self.version)
        writer.number(UInt64(entries.count))
        var last: Int64 = 0
        for entry in entries {
            let at = entry.at.millisecondsSince1970
            writer.signed(at &- last)
            last = at
            Self.write(entry.event, to: &writer)
        }
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(Damage) -> [JournalEntry] {
        var reader = ByteReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else {
            throw Damage(description: "the entries are of version \(version), which this program does not know")
        }
        let count = try reader.length()
        var entries: [JournalEntry] = []
        entries.reserveCapacity(min(count, 1_024))
        var last: Int64 = 0
        for _ in 0..<count {
            last = last &+ (try reader.signed())
            entries.append(JournalEntry(at: WallTime(millisecondsSince1970: last), try Self.event(from: &reader)))
        }
        guard reader.isAtEnd else { throw Damage(description: "bytes follow the last entry") }
        return entries
    }

    // MARK: Outlines

    package static func encode(_ outline: [StepOutline]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Self.version)
        writer.number(UInt64(outline.count))
        for step in outline {
            writer.text(step.name.rawValue)
            writer.byte(UInt8(StepOutline.Kind.allCases.firstIndex(of: step.kind) ?? 0))
            writer.byte((step.hasCompensation ? 1 : 0) | (step.compensatesRefused ? 2 : 0))
            writer.number(UInt64(step.dependencies.count))
            for dependency in step.dependencies { writer.number(UInt64(dependency)) }
        }
        return writer.bytes
    }

    package static func outline(_ bytes: [UInt8]) throws(Damage) -> [StepOutline] {
        var reader = ByteReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else {
            throw Damage(description: "the steps are of version \(version), which this program does not know")
        }
        let count = try reader.length()
        guard count <= TransactionLimits.steps else { throw Damage(description: "there are \(count) steps") }
        var outline: [StepOutline] = []
        for index in 0..<count {
            let text = try reader.text()
            guard let name = try? StepName(text) else { throw Damage(description: "\"\(text)\" is no step") }
            let kind = Int(try reader.byte())
            guard StepOutline.Kind.allCases.indices.contains(kind) else {
                throw Damage(description: "\(kind) is no kind of step")
            }
            let flags = try reader.byte()
            guard flags < 4 else { throw Damage(description: "\(flags) is no set of marks of a step") }
            var dependencies: [Int] = []
            for _ in 0..<min(try reader.length(), TransactionLimits.steps) {
                let dependency = try reader.step()
                guard dependency < index else { throw Damage(description: "a step waits for a later one") }
                dependencies.append(dependency)
            }
            outline.append(
                StepOutline(
                    name, StepOutline.Kind.allCases[kind], after: dependencies, hasCompensation: flags & 1 != 0,
                    compensatesRefused: flags & 2 != 0))
        }
        guard reader.isAtEnd else { throw Damage(description: "bytes follow the last step") }
        return outline
    }

    // MARK: Events

    private static func write(_ event: JournalEvent, to writer: inout ByteWriter) {
        switch event {
        case .started(let step):
            writer.byte(Tag.started.rawValue)
            writer.number(UInt64(step))
        case .completed(let step, let output):
            writer.byte(Tag.completed.rawValue)
            writer.number(UInt64(step))
            writer.blob(output)
        case .refused(let step, let reason, let leavesEffects):
            writer.byte(Tag.refused.rawValue)
            writer.number(UInt64(step))
            writer.text(reason)
            writer.byte(leavesEffects ? 1 : 0)
        case .failed(let step, let direction, let attempt, let reason):
            writer.byte(Tag.failed.rawValue)
            writer.number(UInt64(step))
            writer.text(direction.rawValue)
            writer.number(UInt64(attempt))
            writer.text(reason)
        case .turnedBack(let cause, let reason):
            writer.byte(Tag.turnedBack.rawValue)
            writer.text(cause.rawValue)
            writer.text(reason)
        case .compensated(let step):
            writer.byte(Tag.compensated.rawValue)
            writer.number(UInt64(step))
        case .stuck(let step, let direction, let reason):
            writer.byte(Tag.stuck.rawValue)
            writer.number(UInt64(step))
            writer.text(direction.rawValue)
            writer.text(reason)
        case .intervened(let intervention, let person, let note):
            writer.byte(Tag.intervened.rawValue)
            Self.write(intervention, to: &writer)
            writer.text(person)
            writer.text(note)
        case .finished(let state):
            writer.byte(Tag.finished.rawValue)
            writer.text(state.rawValue)
        }
    }

    private static func write(_ intervention: Intervention, to writer: inout ByteWriter) {
        switch intervention {
        case .retry: writer.byte(0)
        case .turnBack: writer.byte(1)
        case .skip(nil): writer.byte(2)
        case .skip(.some(let output)):
            writer.byte(3)
            writer.blob(output)
        case .resolve(let state):
            writer.byte(4)
            writer.text(state.rawValue)
        }
    }

    private static func event(from reader: inout ByteReader) throws(Damage) -> JournalEvent {
        let number = try reader.byte()
        switch Tag(rawValue: number) {
        case .started: return .started(step: try reader.step())
        case .completed: return .completed(step: try reader.step(), output: try reader.blob())
        case .refused:
            return .refused(
                step: try reader.step(), reason: try reader.text(), leavesEffects: try reader.flag())
        case .failed:
            return .failed(
                step: try reader.step(), direction: try reader.word(StepDirection.self),
                attempt: try reader.length(), reason: try reader.text())
        case .turnedBack:
            return .turnedBack(try reader.word(JournalEvent.TurnBack.self), reason: try reader.text())
        case .compensated: return .compensated(step: try reader.step())
        case .stuck:
            return .stuck(
                step: try reader.step(), direction: try reader.word(StepDirection.self), reason: try reader.text())
        case .intervened:
            return .intervened(
                try Self.intervention(from: &reader), by: try reader.text(), note: try reader.text())
        case .finished: return .finished(try reader.word(TransactionState.self))
        case nil: throw Damage(description: "there is no entry of kind \(number)")
        }
    }

    private static func intervention(from reader: inout ByteReader) throws(Damage) -> Intervention {
        switch try reader.byte() {
        case 0: return .retry
        case 1: return .turnBack
        case 2: return .skip(output: nil)
        case 3: return .skip(output: try reader.blob())
        case 4: return .resolve(try reader.word(TransactionState.self))
        case let kind: throw Damage(description: "there is no intervention of kind \(kind)")
        }
    }
}

private struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { self.bytes.append(value) }

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }

    mutating func signed(_ value: Int64) {
        self.number(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    mutating func blob(_ value: [UInt8]) {
        self.number(UInt64(value.count))
        self.bytes += value
    }

    mutating func text(_ value: String) {
        self.number(UInt64(value.utf8.count))
        self.bytes += value.utf8
    }
}

private struct ByteReader {
    typealias Damage = JournalEntryCoding.Damage

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { self.position == self.bytes.count }

    mutating func byte() throws(Damage) -> UInt8 {
        guard self.position < self.bytes.count else { throw Damage(description: "the entries end too early") }
        defer { self.position += 1 }
        return self.bytes[self.position]
    }

    mutating func number() throws(Damage) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try self.byte()
            guard shift < 63 || next <= 1 else { throw Damage(description: "a number is too long") }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    mutating func flag() throws(Damage) -> Bool {
        switch try self.byte() {
        case 0: return false
        case 1: return true
        case let byte: throw Damage(description: "\(byte) is neither yes nor no")
        }
    }

    mutating func signed() throws(Damage) -> Int64 {
        let value = try self.number()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number that counts something.
    mutating func length() throws(Damage) -> Int {
        let value = try self.number()
        guard let length = Int(exactly: value) else { throw Damage(description: "\(value) is no length") }
        return length
    }

    mutating func step() throws(Damage) -> Int {
        let step = try self.length()
        guard step < TransactionLimits.steps else { throw Damage(description: "\(step) is no step") }
        return step
    }

    mutating func blob() throws(Damage) -> [UInt8] {
        let length = try self.length()
        guard length <= self.bytes.count - self.position else {
            throw Damage(description: "the entries end within \(length) bytes")
        }
        defer { self.position += length }
        return Array(self.bytes[self.position..<self.position + length])
    }

    mutating func text() throws(Damage) -> String {
        let bytes = try self.blob()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Damage(description: "a text is not UTF-8")
        }
        return text
    }

    mutating func word<Word: RawRepresentable<String>>(_ type: Word.Type) throws(Damage) -> Word {
        let text = try self.text()
        guard let word = Word(rawValue: text) else { throw Damage(description: "\"\(text)\" is no word of its kind") }
        return word
    }
}
