import ColonyCore
import ColonyTransactions
import Testing

/// Signatures of calls, as Standard Webhooks has them.
struct CallSignatureTests {
    /// The test vector that Standard Webhooks and its libraries publish.
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private static let body = Array(#"{"test": 2432232314}"#.utf8)
    private static let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    private static func at(_ second: Int64) -> WallTime { WallTime(millisecondsSince1970: second * 1_000) }
    private static let signed: Int64 = 1_614_265_330

    @Test func `a signature is that of the published test vector`() throws {
        let key = try SigningKey(Self.secret)
        let made = CallSignature(signing: Self.body, id: Self.id, at: Self.at(Self.signed), with: [key])
        #expect(made.signatures == Self.signature)
        #expect(made.timestamp == Self.signed)
        let read = try CallSignature(id: Self.id, timestamp: "1614265330", signatures: Self.signature)
        try read.verify(Self.body, with: [key], at: Self.at(Self.signed))
    }

    @Test func `either of two keys is enough while one is replaced`() throws {
        let (old, new) = (try SigningKey(Self.secret), try SigningKey("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"))
        let made = CallSignature(signing: Self.body, id: Self.id, at: Self.at(Self.signed), with: [new, old])
        try made.verify(Self.body, with: [old], at: Self.at(Self.signed))
        try made.verify(Self.body, with: [new], at: Self.at(Self.signed))
        let one = CallSignature(signing: Self.body, id: Self.id, at: Self.at(Self.signed), with: [new])
        try one.verify(Self.body, with: [old, new], at: Self.at(Self.signed))
        #expect(throws: CallSignatureError.self) { try one.verify(Self.body, with: [old], at: Self.at(Self.signed)) }
    }

    @Test func `what was tampered with is forged`() throws {
        let key = try SigningKey(Self.secret)
        func code(_ id: String, _ timestamp: String, _ signatures: String, _ body: [UInt8]) -> CallSignatureError.Code?
        {
            do throws(CallSignatureError) {
                try CallSignature(id: id, timestamp: timestamp, signatures: signatures)
                    .verify(body, with: [key], at: Self.at(Self.signed))
                return nil
            } catch {
                return error.code
            }
        }
        let (time, good) = ("1614265330", Self.signature)
        #expect(code(Self.id, time, good, Self.body) == nil)
        #expect(code(Self.id, time, good, Self.body + [0x20]) == .forged)
        #expect(code("msg_other", time, good, Self.body) == .forged)
        #expect(code(Self.id, "1614265331", good, Self.body) == .forged)
        #expect(code(Self.id, time, "v1,g0hM", Self.body) == .forged)
        #expect(code(Self.id, time, "v2," + good.dropFirst(3), Self.body) == .forged)
        #expect(code(Self.id, time, "", Self.body) == .forged)
        #expect(code(Self.id, time, "v1,AAAA \(good)", Self.body) == nil)
        // Bytes cannot move from the identifier to the body.
        #expect(code("a.1614265330", time, good, Self.body) == .malformed)
        #expect(code(Self.id, "+1614265330", good, Self.body) == .malformed)
        #expect(code(Self.id, "1614265330.0", good, Self.body) == .malformed)
        // However many there are, only so many are looked at.
        #expect(code(Self.id, time, String(repeating: "v1,AAAA ", count: 16) + good, Self.body) == .forged)
    }

    @Test(arguments: [(300, true), (-300, true), (301, false), (-301, false)] as [(Int64, Bool)])
    func `what was signed at another time is stale`(shift: Int64, isAccepted: Bool) throws {
        let key = try SigningKey(Self.secret)
        let made = CallSignature(signing: Self.body, id: Self.id, at: Self.at(Self.signed), with: [key])
        if isAccepted {
            try made.verify(Self.body, with: [key], at: Self.at(Self.signed + shift))
        } else {
            let error = #expect(throws: CallSignatureError.self) {
                try made.verify(Self.body, with: [key], at: Self.at(Self.signed + shift))
            }
            #expect(error?.code == .stale)
            #expect(error?.message.contains("301 seconds") == true)
        }
    }

    @Test func `a call without a signature is told so, and a key is never shown`() throws {
        let error = #expect(throws: CallSignatureError.self) {
            try CallSignature(id: nil, timestamp: "1", signatures: "v1,")
        }
        #expect(error?.code == .missing)
        #expect(try SigningKey(Self.secret).description == "whsec_…")
        for text in ["", "whsec_", "whsec_c2VjcmV0", "whsec_!", String(repeating: "A", count: 400)] {
            let error = #expect(throws: CallSignatureError.self) { try SigningKey(text) }
            #expect(error?.code == .invalidKey)
        }
    }
}
