import NIOCore

/// JSON text as bytes, where it does not go to a socket.
enum JSONText {
    /// A string with its quotes and the escapes that it needs.
    static func quoted(_ text: String) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeJSON(string: text)
        return Array(buffer.readableBytesView)
    }
}
