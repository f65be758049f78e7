import NIOCore

/// Buffers that heads are written into, used again so that a request allocates none.
///
/// A buffer may be given back while a channel still holds on to it; it then gets memory of its own when it is cleared.
///
/// Used on the event loop of its worker only.
struct SpareBuffers {
    private static let largest = 64 * 1_024
    private static let mostKept = 64
    private static let firstCapacity = 2_048

    private var spares: [ByteBuffer] = []

    /// An empty buffer.
    mutating func take() -> ByteBuffer {
        guard var buffer = self.spares.popLast() else {
            var buffer = ByteBuffer()
            buffer.reserveCapacity(Self.firstCapacity)
            return buffer
        }
        buffer.clear()
        return buffer
    }

    mutating func give(_ buffer: consuming ByteBuffer) {
        guard buffer.capacity > 0, buffer.capacity <= Self.largest, self.spares.count < Self.mostKept else { return }
        self.spares.append(buffer)
    }
}
