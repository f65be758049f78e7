import ColonyCore

/// Bodies that say when something was or is to be, so that whoever gets one can tell how late it is.
enum TimedBody {
    static func make(_ instant: MonotonicInstant) -> [UInt8] {
        var body = PublishLoad.body
        withUnsafeBytes(of: instant.nanoseconds.littleEndian) { bytes in
            body.replaceSubrange(0..<bytes.count, with: bytes)
        }
        return body
    }

    static func instant(in body: [UInt8]) -> MonotonicInstant {
        let bytes = body.prefix(MemoryLayout<Int64>.size)
        return MonotonicInstant(nanoseconds: bytes.reversed().reduce(0) { $0 << 8 | Int64($1) })
    }
}
