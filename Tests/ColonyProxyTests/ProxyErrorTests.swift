import ColonyProxy
import Testing

@Suite("Errors of the proxy")
struct ProxyErrorTests {
    @Test("an error shows its code, its sentence, and the error underneath")
    func errorsAreReadable() {
        let error = ProxyError(.addressInUse, "127.0.0.1:80 is in use", cause: CancellationError())
        #expect(error.description == "addressInUse: 127.0.0.1:80 is in use (CancellationError())")
    }
}
