import ColonyProxy
import NIOCore
import Testing

@Suite("Heads of requests")
struct RequestHeadTests {
    @Test("a head is taken apart in place")
    func parts() {
        var parser = RequestHeadParser()
        let text = "POST /a/b?c=d HTTP/1.1\r\nHost: example.com:80\r\nContent-Length: 5\r\nX-One:  1 \r\n\r\nhello"
        Array(text.utf8).withUnsafeBytes { bytes in
            let outcome = parser.parse(bytes)
            #expect(outcome == .complete(length: text.utf8.count - 5))
            let head = parser.head
            #expect(head.method == .post)
            #expect(head.path.text(in: bytes) == "/a/b")
            #expect(head.query.text(in: bytes) == "c=d")
            #expect(head.authority.text(in: bytes) == "example.com:80")
            #expect(head.framing == .length(5))
            #expect(head.isPersistent)
            let index = parser.fields.firstIndex(named: Array("x-one".utf8), in: bytes)
            #expect(index == 2)
            let value = parser.fields[2].value
            #expect(value.text(in: bytes) == "1")
            var out = ByteBuffer()
            parser.write(bytes, to: &out, rewrite: RequestRewrite())
            HeadEnd.write(to: &out)
            let written = String(buffer: out)
            #expect(written == String(text.dropLast(5)))
        }
    }

    @Test("every known field is recognised by its name, in either case, and by no other")
    func knownFields() {
        for field in KnownField.allCases where field != .other {
            for name in [field.name.description, field.name.description.uppercased()] {
                let bytes = Array(name.utf8)
                #expect(Self.field(bytes) == field)
                for at in bytes.indices {
                    var changed = bytes
                    changed[at] = changed[at] == 0x7E ? 0x21 : 0x7E
                    #expect(Self.field(changed) == .other)
                }
            }
        }
    }

    private static func field(_ name: [UInt8]) -> KnownField? {
        name.withUnsafeBytes { bytes in bytes.baseAddress.map { KnownField.named($0, 0, count: name.count) } }
    }
}
