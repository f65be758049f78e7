import NIOCore
import NIOHPACK

/// Trailers on their way from chunks to HTTP/2 and back.
enum HTTP2Trailers {
    /// Takes data out of chunks, and keeps what stands behind the last piece of it.
    struct Reader {
        private var scanner = ChunkedScanner()
        /// What came behind the last data: at the end, the last size line and the trailers. The scanner bounds it.
        private var tail: [UInt8] = []

        enum Outcome {
            case more
            case end
            case defect(BodyDefect)
        }

        /// - Parameter part: Bytes of the body as they came.
        /// - Returns: The data that was in them.
        mutating func take(_ part: ByteBuffer, into data: inout ByteBuffer) -> Outcome {
            var tail = self.tail
            let (count, state) = part.withUnsafeReadableBytes { bytes in
                var seen = 0
                let result = self.scanner.scan(bytes) { range in
                    data.writeBytes(bytes[range])
                    seen = range.upperBound
                    tail.removeAll(keepingCapacity: true)
                }
                tail += bytes[seen..<max(seen, result.consumed)]
                return result
            }
            self.tail = tail
            switch state {
            case .needMore: return .more
            case .complete: return count == part.readableBytes ? .end : .defect(.missingLineEndAfterData)
            case .failed(let defect): return .defect(defect)
            }
        }

        /// The trailers, after the end.
        func trailers() -> HPACKHeaders? {
            // The tail is `CR LF 0 CR LF`, without the first line end if there was no data, and then the trailers up to an empty line.
            let text = self.tail.first == 0x0D ? self.tail.dropFirst(2) : self.tail[...]
            var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).dropFirst()
            var trailers = HPACKHeaders()
            while let line = lines.popFirst(), let colon = line.firstIndex(of: UInt8(ascii: ":")) {
                let name = String(decoding: line[..<colon].map(ByteScan.lower), as: UTF8.self)
                let value = line[(colon + 1)...].dropLast().drop(while: Self.isSpace)
                let end = value.lastIndex { !Self.isSpace($0) }.map { $0 + 1 } ?? value.startIndex
                trailers.add(name: name, value: String(decoding: value[..<end], as: UTF8.self))
            }
            return trailers.isEmpty ? nil : trailers
        }

        private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    }

    /// Appends the end of a body in chunks, with the trailers that may go on.
    ///
    /// - Returns: Whether they are such as a client may send; they were checked by the rules for chunks.
    static func finish(_ trailers: HPACKHeaders?, to buffer: inout ByteBuffer) -> Bool {
        let start = buffer.writerIndex
        buffer.writeStaticString("0\r\n")
        for (name, value, _) in trailers ?? [:] {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        buffer.writeStaticString("\r\n")
        var scanner = ChunkedScanner()
        let written = buffer.viewBytes(at: start, length: buffer.writerIndex - start)?.withUnsafeBytes { bytes in
            let (count, state) = scanner.scan(bytes)
            return count == bytes.count && state == .complete
        }
        return written ?? false
    }
}
