import { runPrograms } from "../programs/run";

runPrograms("options");
