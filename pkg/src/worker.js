// The service in a Web Worker. Bundled without imports, so that no bundler has to find a file from inside it.

import { portOf } from "./channel.js";
import { serve } from "./service.js";

serve(portOf(self), { spare: true });
