// Starts emulate's Slack on the port that it is given, says its address, and ends with its standard input.
import { createEmulator } from "emulate";

const slack = await createEmulator({ service: "slack", port: Number(process.argv[2]), seed: JSON.parse(process.argv[3]) });
console.log(slack.url);
process.stdin.on("end", () => process.exit(0)).resume();
