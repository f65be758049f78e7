import NIOCore

/// Finds where the body of one message ends, while its bytes are passed on as they came.
struct BodyReader {
    private enum Kind {
        case length
        case chunked(ChunkedScanner)
        case untilClose
    }

    /// What a part of a body was.
    enum Outcome {
        /// More of the body follows.
        case more
        /// The body has ended; what is left in the buffer is of the next message.
        case end
        case defect(BodyDefect)
    }

    private var kind = Kind.length
    private var remaining: UInt64 = 0

    /// No body.
    init() {}

    init(_ framing: BodyFraming, limit: UInt64 = UInt64(Int64.max)) {
        switch framing {
        case .none: break
        case .length(let count): self.remaining = count
        case .chunked: self.kind = .chunked(ChunkedScanner(maximumBodyBytes: limit))
        case .untilClose: self.kind = .untilClose
        }
    }

    /// Whether the end of the connection is the end of the body.
    var endsWithConnection: Bool { if case .untilClose = self.kind { true } else { false } }

    /// Takes what belongs to the body out of the front of a buffer.
    ///
    /// - Parameter part: Gets the bytes, chunks and all; nothing is copied.
    mutating func take(from buffer: inout ByteBuffer, into part: inout ByteBuffer) -> Outcome {
        switch self.kind {
        case .untilClose:
            Self.move(buffer.readableBytes, of: &buffer, to: &part)
            return .more
        case .length:
            let count = Int(min(self.remaining, UInt64(buffer.readableBytes)))
            self.remaining -= UInt64(count)
            Self.move(count, of: &buffer, to: &part)
            return self.remaining == 0 ? .end : .more
        case .chunked(var scanner):
            let (count, state) = buffer.withUnsafeReadableBytes { scanner.scan($0) }
            self.kind = .chunked(scanner)
            Self.move(count, of: &buffer, to: &part)
            return Self.outcome(of: state)
        }
    }

    /// As ``take(from:into:)``, for somebody who does not understand chunks: the data is copied out of them.
    mutating func takeData(from buffer: inout ByteBuffer, into part: inout ByteBuffer) -> Outcome {
        guard case .chunked(var scanner) = self.kind else { return self.take(from: &buffer, into: &part) }
        part = ByteBuffer()
        part.reserveCapacity(buffer.readableBytes)
        let (count, state) = buffer.withUnsafeReadableBytes { bytes in
            scanner.scan(bytes) { part.writeBytes(bytes[$0]) }
        }
        self.kind = .chunked(scanner)
        buffer.moveReaderIndex(forwardBy: count)
        return Self.outcome(of: state)
    }

    private static func move(_ count: Int, of buffer: inout ByteBuffer, to part: inout ByteBuffer) {
        if count == buffer.readableBytes {
            part = buffer
            buffer = ByteBuffer()
        } else {
            part = buffer.readSlice(length: count) ?? ByteBuffer()
        }
    }

    private static func outcome(of state: BodyState) -> Outcome {
        switch state {
        case .needMore: .more
        case .complete: .end
        case .failed(let defect): .defect(defect)
        }
    }
}
