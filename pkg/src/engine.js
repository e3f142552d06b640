// The service for the thread of the caller.

export { serve } from "./service.js";
