// ws.mjs - a browser's WebSocket as the package ws has it, for the transport of the
// published client.
export default class extends WebSocket {
  constructor(url) {
    super(url);
  }

  on(event, run) {
    this.addEventListener(event, (told) => event === 'message' ? run(told.data) : run(told.code, told.reason));
  }
}
