import { runPrograms } from "../programs/run";

runPrograms("dependencies");
