// The service in a worker thread of Node.

import { parentPort } from "node:worker_threads";

import { portOf } from "./channel.js";
import { serve } from "./engine.js";
import { platform } from "./node-platform.js";

serve(portOf(parentPort), { ...platform, spare: true });
