// other.mjs - the wire of those that this client is compared with.
export function follow({ load, event }) {
  const socket = new WebSocket(`ws://${location.host}/ws`);
  let newest = 0;

  window.newest = () => newest;
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);

    if (frame.type === 'welcome')
      socket.send(JSON.stringify({ rpc: 'app/rows', id: '1', args: [], stream: true }));
    else if (frame.topic === '__rpc')
      load(frame.data.data);
    else if (frame.topic === 'rows')
      event(frame.event, frame.data);
    newest = Math.max(newest, +(/"seq":(\d+)}$/.exec(data)?.[1] ?? 0));
  };
}
