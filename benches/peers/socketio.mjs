// Socket.IO 4 as its documentation writes a chat: `io.emit` to everyone, the sender
// included; WebSocket only. Prints its address on stdout when it listens.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});

io.on("connection", (socket) => {
  socket.on("msg", (text) => io.emit("msg", text));
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
