import ColonyCore
import ColonyQueues

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Cuts bytes into lines.
struct LineCutter {
    /// The longest line that is taken, without its line feed.
    let limit: Int
    /// The lines that are whole.
    private(set) var lines: [[UInt8]] = []
    private(set) var byteCount = 0
    private var rest: [UInt8] = []
    /// The line that is too long and everything after it is left alone.
    private(set) var isTooLong = false

    init(limit: Int) { self.limit = limit }

    mutating func take(_ bytes: ArraySlice<UInt8>) {
        var bytes = bytes
        while !self.isTooLong, let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
            self.cut(with: bytes[..<end])
            bytes = bytes[(end + 1)...]
        }
        if self.isTooLong { return }
        self.rest += bytes
        self.isTooLong = self.rest.count > self.limit
    }

    /// The input is over: what follows the last line feed is a line, unless it is empty.
    mutating func end() {
        if !self.isTooLong, !self.rest.isEmpty { self.cut(with: []) }
    }

    private mutating func cut(with end: ArraySlice<UInt8>) {
        guard self.rest.count + end.count <= self.limit else {
            self.isTooLong = true
            return
        }
        let line = self.rest + end
        self.rest = []
        self.byteCount += line.count
        self.lines.append(line)
    }

    /// Gives up to so many lines away.
    mutating func removeFirst(_ count: Int) -> [[UInt8]] {
        let first = Array(self.lines.prefix(count))
        self.lines.removeFirst(first.count)
        self.byteCount -= first.reduce(0) { $0 + $1.count }
        return first
    }
}

/// Reads lines in batches: as many as there are at hand, and never waits for more once there is one.
///
/// A pipe that is full gives large batches; a person who types a line has it published at once.
struct LineReader {
    struct Batch {
        /// The number of the first line, from 1.
        let firstLine: Int
        let lines: [[UInt8]]
    }

    private let descriptor: CInt
    private var cutter = LineCutter(limit: MessageLimits.bodyBytes)
    private var isAtEnd = false
    private var nextLine = 1
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    /// For how long the input may pause before what is there is given away.
    private static let pauseMilliseconds: CInt = 10
    /// Enough for one message of any size, and little enough for one request to a daemon however much of it has to be escaped.
    private static let batchBytes = 2 << 20

    init(_ descriptor: CInt) { self.descriptor = descriptor }

    /// The next lines; blocks its thread until there is one. `nil` at the end of the input.
    ///
    /// - Throws: ``Failure`` for a line that is too long, after those before it were given away, and for an input that cannot be read.
    mutating func next() throws -> Batch? {
        while !self.isAtEnd, !self.cutter.isTooLong, self.cutter.lines.count < MessageLimits.batch,
            self.cutter.byteCount < Self.batchBytes
        {
            if !self.cutter.lines.isEmpty, !self.isReadable() { break }
            let descriptor = self.descriptor
            let count = self.buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure("unreadable", "standard input cannot be read: \(String(cString: strerror(errno))).")
            }
            if count == 0 {
                self.isAtEnd = true
                self.cutter.end()
            } else {
                self.cutter.take(self.buffer[..<count])
            }
        }
        if self.cutter.lines.isEmpty {
            if self.cutter.isTooLong { throw self.tooLong }
            return nil
        }
        let lines = self.cutter.removeFirst(MessageLimits.batch)
        defer { self.nextLine += lines.count }
        return Batch(firstLine: self.nextLine, lines: lines)
    }

    private var tooLong: Failure {
        Failure(
            "too_large",
            "line \(self.nextLine) has more than the \(MessageLimits.bodyBytes) bytes that a message may have. "
                + "\(LineReader.publishedSentence(upTo: self.nextLine - 1)) Nothing from it on was.")
    }

    /// What became of the lines before one that could not be published.
    static func publishedSentence(upTo line: Int) -> String {
        switch line {
        case ..<1: "No line was published."
        case 1: "The line before it was published."
        default: "The \(line) lines before it were published."
        }
    }

    private func isReadable() -> Bool {
        var request = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, Self.pauseMilliseconds) != 0
    }
}
