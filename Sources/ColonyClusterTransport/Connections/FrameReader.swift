/// Cuts what comes over a connection into frames: a length in four bytes, big-endian, and as many bytes.
///
/// It takes memory for what has come, and not for what the length promises.
package struct FrameReader {
    /// How long a frame may be. It may be changed between two frames.
    package var mostBytes: Int
    private var bytes: [UInt8] = []
    private var place = 0

    package init(mostBytes: Int) {
        self.mostBytes = mostBytes
    }

    package mutating func append(_ more: some Collection<UInt8>) {
        if self.place > 0 {
            self.bytes.removeFirst(self.place)
            self.place = 0
        }
        self.bytes.append(contentsOf: more)
    }

    /// The next frame, if all of it has come.
    ///
    /// - Throws: ``ClusterRefusal/oversized``, as soon as the length has come.
    package mutating func next() throws(ClusterRefusal) -> [UInt8]? {
        guard self.bytes.count - self.place >= 4 else { return nil }
        let length: UInt32 = self.bytes.number(at: self.place)
        guard length <= self.mostBytes else { throw .oversized }
        let start = self.place + 4
        guard self.bytes.count - start >= Int(length) else { return nil }
        self.place = start + Int(length)
        return Array(self.bytes[start..<self.place])
    }

    /// A frame with its length.
    package static func frame(_ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 + content.count)
        bytes.append(bigEndian: UInt32(content.count))
        bytes += content
        return bytes
    }
}
