// Starts one of emulate's services on the port that it is given, says its address, and ends with its standard input.
import { createEmulator } from "emulate";

const [service, port, seed, baseUrl] = process.argv.slice(2);
const partner = await createEmulator({ service, port: Number(port), seed: JSON.parse(seed), baseUrl });
console.log(partner.url);
process.stdin.on("end", () => process.exit(0)).resume();
